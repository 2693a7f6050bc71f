#include "core/training/directions.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <exception>
#include <numeric>
#include <string>

#include "core/base/rng.h"

namespace headscope {
namespace {

// One layer of one sample as tensors over the capture's memory. Query heads that share a key/value
// head lie behind each other, so [kv_heads, group * rows, head_dim] is a view.
struct LayerInputs {
  at::Tensor queries;  // [kv_heads, group, rows, head_dim]
  at::Tensor keys;     // [kv_heads, keys, head_dim]
  at::Tensor causal;   // [rows, keys], 0 or -inf
  at::Tensor gold;     // [keys], 1 on gold tokens
};

at::Tensor view_of(const std::vector<float>& values, at::IntArrayRef shape) {
  return at::from_blob(const_cast<float*>(values.data()), shape, at::kFloat);
}

at::Tensor causal_mask(const QueryKeyCapture& capture) {
  const auto rows = at::arange(capture.rows.begin, capture.rows.end).unsqueeze(1);
  const auto keys = at::arange(capture.keys).unsqueeze(0);
  return at::zeros({capture.rows.size(), capture.keys})
      .masked_fill_(keys.gt(rows), -std::numeric_limits<float>::infinity());
}

at::Tensor gold_mask(const DirectionSample& sample) {
  auto mask = at::zeros({sample.capture.keys});
  for (const std::int64_t token : sample.gold) mask[token] = 1.0;
  return mask;
}

// Parts of LayerInputs that are the same for every layer.
struct SampleMasks {
  at::Tensor causal, gold;
  explicit SampleMasks(const DirectionSample& sample)
      : causal(causal_mask(sample.capture)), gold(gold_mask(sample)) {}
};

LayerInputs layer_inputs(const DirectionSample& sample, const SampleMasks& masks,
                         const DirectionShape& shape, int layer) {
  const QueryKeyCapture& capture = sample.capture;
  const auto at_layer = static_cast<std::size_t>(layer);
  const int group = shape.heads / shape.kv_heads;
  return {view_of(capture.queries[at_layer],
                  {shape.kv_heads, group, capture.rows.size(), shape.head_dim}),
          view_of(capture.key_values[at_layer], {shape.kv_heads, capture.keys, shape.head_dim}),
          masks.causal, masks.gold};
}

// Attention weights [kv_heads, group, rows, keys] with `direction` [kv_heads, group, head_dim]
// added to the queries.
at::Tensor weights_with(const LayerInputs& in, const at::Tensor& direction, double scale) {
  const auto queries = in.queries + direction.unsqueeze(2);
  const auto flat = queries.reshape({in.keys.size(0), -1, in.keys.size(2)});
  auto scores = at::matmul(flat, in.keys.transpose(1, 2)).mul_(scale);
  scores = scores.view({queries.size(0), queries.size(1), queries.size(2), in.keys.size(1)});
  return at::softmax(scores.add_(in.causal), -1);
}

struct Step {
  at::Tensor mass;      // [kv_heads, group, rows]
  at::Tensor gradient;  // [kv_heads, group, head_dim] of the loss
};

// Closed form: with a = softmax(s) and m = sum_G a, dm/ds_j = a_j (1[j in G] - m), ds_j/dd = scale
// k_j.
Step loss_step(const LayerInputs& in, const at::Tensor& direction, const DirectionShape& shape) {
  auto weights = weights_with(in, direction, shape.scale);
  const auto mass = at::matmul(weights, in.gold);
  const auto slope = weights.mul_(in.gold - mass.unsqueeze(-1)).sum(2);  // [kv_heads, group, keys]
  const double factor = -shape.scale / static_cast<double>(shape.heads * in.queries.size(2));
  return {mass, at::matmul(slope, in.keys).mul_(factor)};
}

// AdamW (Loshchilov and Hutter 2019) with PyTorch's defaults.
struct AdamW {
  static constexpr double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  at::Tensor first, second;
  std::int64_t steps = 0;

  explicit AdamW(const at::Tensor& like)
      : first(at::zeros_like(like)), second(at::zeros_like(like)) {}

  void step(at::Tensor& value, const at::Tensor& gradient, double rate, double decay) {
    ++steps;
    value.mul_(1 - rate * decay);
    first.mul_(beta1).add_(gradient, 1 - beta1);
    second.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
    const double correction1 = 1 - std::pow(beta1, static_cast<double>(steps));
    const double correction2 = 1 - std::pow(beta2, static_cast<double>(steps));
    const auto scale = second.div(correction2).sqrt_().add_(epsilon);
    value.addcdiv_(first, scale, -rate / correction1);
  }
};

std::size_t vector_count(const DirectionShape& shape) {
  return static_cast<std::size_t>(shape.layers) * static_cast<std::size_t>(shape.heads) *
         static_cast<std::size_t>(shape.head_dim);
}

std::vector<float> normal_values(std::size_t count, double deviation, Rng& rng) {
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(rng.normal(0, deviation));
  return values;
}

Directions initial_directions(const DirectionShape& shape,
                              const DirectionTrainingOptions& options) {
  Directions directions;
  directions.layers = shape.layers;
  directions.heads = shape.heads;
  directions.head_dim = shape.head_dim;
  Rng rng(options.seed, 1);
  directions.query = normal_values(vector_count(shape), options.init_deviation, rng);
  directions.key = normal_values(vector_count(shape), options.init_deviation, rng);
  return directions;
}

Result<> check_sample(const DirectionSample& sample, const DirectionShape& shape,
                      std::size_t index) {
  const QueryKeyCapture& capture = sample.capture;
  const std::string name = "sample " + std::to_string(index) + " of direction training: ";
  const auto layers = static_cast<std::size_t>(shape.layers);
  if (capture.queries.size() != layers || capture.key_values.size() != layers) {
    return fail(ErrorKind::internal, name + "has another number of layers");
  }
  const auto width = static_cast<std::size_t>(shape.head_dim);
  const auto queries = static_cast<std::size_t>(shape.heads * capture.rows.size()) * width;
  const auto keys = static_cast<std::size_t>(shape.kv_heads * capture.keys) * width;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    if (capture.queries[layer].size() != queries || capture.key_values[layer].size() != keys) {
      return fail(ErrorKind::internal, name + "keys or queries have another shape");
    }
  }
  const bool outside =
      !sample.gold.empty() && (sample.gold.front() < 0 || sample.gold.back() >= capture.keys);
  if (sample.gold.empty() || outside || capture.rows.size() == 0 ||
      capture.rows.end > capture.keys) {
    return fail(ErrorKind::internal, name + "has no gold tokens or no response rows");
  }
  return {};
}

Result<> check_samples(std::span<const DirectionSample> samples, const DirectionShape& shape) {
  const bool sensible = shape.layers > 0 && shape.kv_heads > 0 && shape.head_dim > 0 &&
                        shape.heads > 0 && shape.heads % shape.kv_heads == 0;
  if (!sensible) return fail(ErrorKind::internal, "direction training: not the shape of a model");
  if (samples.empty()) return bad_input("direction training: no sample is left to train on");
  for (std::size_t i = 0; i < samples.size(); ++i)
    HEADSCOPE_TRY(check_sample(samples[i], shape, i));
  return {};
}

at::Tensor query_view(const Directions& directions, const DirectionShape& shape) {
  return view_of(directions.query,
                 {shape.layers, shape.kv_heads, shape.heads / shape.kv_heads, shape.head_dim});
}

// Trains in place on the vectors of `result`.
class Trainer {
 public:
  Trainer(std::span<const DirectionSample> samples, const DirectionShape& shape,
          const DirectionTrainingOptions& options, DirectionTraining& result)
      : samples_(samples),
        shape_(shape),
        options_(options),
        result_(result),
        query_(query_view(result.directions, shape)),
        key_(view_of(result.directions.key,
                     {static_cast<std::int64_t>(result.directions.key.size())})),
        order_(samples.size()),
        rng_(options.seed, 2) {
    for (int layer = 0; layer < shape.layers; ++layer) optimisers_.emplace_back(query_[layer]);
    std::iota(order_.begin(), order_.end(), std::size_t{0});
  }

  void run(const RunContext& context) {
    for (int epoch = 0; epoch < options_.epochs && !result_.cancelled; ++epoch) {
      rng_.shuffle(order_);
      run_epoch(epoch, context);
    }
  }

 private:
  void run_epoch(int epoch, const RunContext& context) {
    DirectionEpoch sums;
    sums.relevant_mass.assign(static_cast<std::size_t>(shape_.layers), 0.0);
    std::size_t done = static_cast<std::size_t>(epoch) * samples_.size();
    const auto total = static_cast<double>(samples_.size()) * options_.epochs;
    for (const std::size_t index : order_) {
      if (context.cancelled()) {
        result_.cancelled = true;
        return;
      }
      step(samples_[index], sums);
      context.progress("train directions", static_cast<double>(++done), total);
    }
    for (double& mass : sums.relevant_mass) {
      mass /= static_cast<double>(samples_.size());
      sums.loss.push_back(-mass);
    }
    result_.epochs.push_back(std::move(sums));
  }

  void step(const DirectionSample& sample, DirectionEpoch& sums) {
    const SampleMasks masks(sample);
    for (int layer = 0; layer < shape_.layers; ++layer) {
      at::Tensor direction = query_[layer];
      const Step step = loss_step(layer_inputs(sample, masks, shape_, layer), direction, shape_);
      sums.relevant_mass[static_cast<std::size_t>(layer)] += step.mass.mean().item<double>();
      optimisers_[static_cast<std::size_t>(layer)].step(
          direction, step.gradient, options_.learning_rate, options_.weight_decay);
    }
    key_.mul_(1 - options_.learning_rate * options_.weight_decay);
  }

  std::span<const DirectionSample> samples_;
  DirectionShape shape_;
  DirectionTrainingOptions options_;
  DirectionTraining& result_;
  at::Tensor query_;  // [layers, kv_heads, group, head_dim] over result_.directions.query
  at::Tensor key_;
  std::vector<AdamW> optimisers_;
  std::vector<std::size_t> order_;
  Rng rng_;
};

void add_masses(const DirectionSample& sample, const DirectionShape& shape, const at::Tensor& query,
                std::vector<double>& sums) {
  const SampleMasks masks(sample);
  for (int layer = 0; layer < shape.layers; ++layer) {
    const LayerInputs in = layer_inputs(sample, masks, shape, layer);
    const auto mass =
        at::matmul(weights_with(in, query[layer], shape.scale), in.gold).mean(-1).contiguous();
    const float* values = mass.const_data_ptr<float>();
    for (int head = 0; head < shape.heads; ++head) {
      sums[static_cast<std::size_t>(layer * shape.heads + head)] += values[head];
    }
  }
}

}  // namespace

Result<DirectionTraining> train_directions(std::span<const DirectionSample> samples,
                                           const DirectionShape& shape,
                                           const DirectionTrainingOptions& options,
                                           const RunContext& context) {
  HEADSCOPE_TRY(check_samples(samples, shape));
  try {
    c10::InferenceMode inference;
    DirectionTraining result;
    result.directions = initial_directions(shape, options);
    Trainer(samples, shape, options, result).run(context);
    return result;
  } catch (const std::exception& error) {
    return fail(ErrorKind::internal, std::string("direction training: ") + error.what());
  }
}

Result<std::vector<float>> relevant_mass(std::span<const DirectionSample> samples,
                                         const DirectionShape& shape, const Directions& directions,
                                         double alpha, const RunContext& context) {
  HEADSCOPE_TRY(check_samples(samples, shape));
  if (directions.query.size() != vector_count(shape)) {
    return bad_input("focus directions: shape [" + std::to_string(directions.layers) + ", " +
                     std::to_string(directions.heads) + ", " + std::to_string(directions.head_dim) +
                     "] is not that of the model");
  }
  try {
    c10::InferenceMode inference;
    const at::Tensor query = query_view(directions, shape) * alpha;
    std::vector<double> sums(static_cast<std::size_t>(shape.layers * shape.heads), 0.0);
    for (const DirectionSample& sample : samples) {
      if (context.cancelled()) return fail(ErrorKind::cancelled, "the check was cancelled");
      add_masses(sample, shape, query, sums);
    }
    std::vector<float> mean;
    for (const double sum : sums)
      mean.push_back(static_cast<float>(sum / static_cast<double>(samples.size())));
    return mean;
  } catch (const std::exception& error) {
    return fail(ErrorKind::internal, std::string("focus directions: ") + error.what());
  }
}

}  // namespace headscope
