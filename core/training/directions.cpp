#include "core/training/directions.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <exception>
#include <map>
#include <numeric>
#include <string>

#include "core/base/rng.h"

namespace headscope {
namespace {

// One layer of one sample as tensors over the capture's memory. Query heads
// that share a key/value head lie behind each other, so [kv_heads, group *
// rows, head_dim] is a view.
struct LayerInputs {
  at::Tensor queries;  // [kv_heads, group, rows, head_dim]
  at::Tensor keys;     // [kv_heads, keys, head_dim]
  at::Tensor causal;   // [rows, keys], 0 or -inf
  at::Tensor gold;     // [keys], 1 on gold tokens
};

at::Tensor view_of(const std::vector<float>& values, at::IntArrayRef shape) {
  return at::from_blob(const_cast<float*>(values.data()), shape, at::kFloat);
}

at::Tensor causal_mask(const QueryKeyCapture& capture, std::int64_t window) {
  const auto rows = at::arange(capture.rows.begin, capture.rows.end).unsqueeze(1);
  const auto keys = at::arange(capture.keys).unsqueeze(0);
  auto hidden = keys.gt(rows);
  if (window > 0) hidden = hidden.logical_or(keys.le(rows - window));
  return at::zeros({capture.rows.size(), capture.keys})
      .masked_fill_(hidden, -std::numeric_limits<float>::infinity());
}

at::Tensor gold_mask(const DirectionSample& sample) {
  auto mask = at::zeros({sample.capture.keys});
  for (const std::int64_t token : sample.gold) mask[token] = 1.0;
  return mask;
}

std::int64_t window_of(const DirectionShape& shape, int layer) {
  return shape.windows.empty() ? 0 : shape.windows[static_cast<std::size_t>(layer)];
}

// Parts of LayerInputs that several layers share.
struct SampleMasks {
  at::Tensor gold;
  std::map<std::int64_t, at::Tensor> causal;  // by window
  SampleMasks(const DirectionSample& sample, const DirectionShape& shape)
      : gold(gold_mask(sample)) {
    for (int layer = 0; layer < shape.layers; ++layer) {
      at::Tensor& mask = causal[window_of(shape, layer)];
      if (!mask.defined()) mask = causal_mask(sample.capture, window_of(shape, layer));
    }
  }
};

LayerInputs layer_inputs(const DirectionSample& sample, const SampleMasks& masks,
                         const DirectionShape& shape, int layer) {
  const QueryKeyCapture& capture = sample.capture;
  const auto at_layer = static_cast<std::size_t>(layer);
  const int group = shape.heads / shape.kv_heads;
  return {view_of(capture.queries[at_layer],
                  {shape.kv_heads, group, capture.rows.size(), shape.head_dim}),
          view_of(capture.key_values[at_layer], {shape.kv_heads, capture.keys, shape.head_dim}),
          masks.causal.at(window_of(shape, layer)), masks.gold};
}

// Directions of one layer, [kv_heads, group, head_dim] each.
struct LayerDirections {
  at::Tensor query, key;
};

// Attention [kv_heads, group, rows, keys].
struct Attention {
  at::Tensor queries;  // with their direction, [kv_heads, group, rows, head_dim]
  at::Tensor weights;
  at::Tensor bend;  // slope of the soft-cap at each score; undefined = 1
};

Attention attention_with(const LayerInputs& in, const LayerDirections& directions,
                         const DirectionShape& shape) {
  Attention out;
  out.queries = in.queries + directions.query.unsqueeze(2);
  const auto flat = out.queries.reshape({in.keys.size(0), -1, in.keys.size(2)});
  auto scores = at::matmul(flat, in.keys.transpose(1, 2));
  scores =
      scores.view({out.queries.size(0), out.queries.size(1), out.queries.size(2), in.keys.size(1)});
  if (shape.softcap > 0) {  // without one, the key half does nothing
    scores.add_(at::matmul(out.queries, directions.key.unsqueeze(-1)));
    scores.mul_(shape.scale / shape.softcap).tanh_();
    out.bend = 1 - scores.square();
    scores.mul_(shape.softcap);
  } else {
    scores.mul_(shape.scale);
  }
  out.weights = at::softmax(scores.add_(in.causal), -1);
  return out;
}

struct Step {
  at::Tensor mass;           // [kv_heads, group, rows]
  LayerDirections gradient;  // of the loss; key undefined where it is zero
};

// Closed form: with a = softmax(c), c = cap tanh(s / cap) and m = sum_G a,
// dm/dc_j = a_j (1[j in G] - m), dc_j/ds_j = 1 - tanh^2, ds_j/dd_q = scale (k_j
// + d_k), ds_j/dd_k = scale q'.
Step loss_step(const LayerInputs& in, const LayerDirections& directions,
               const DirectionShape& shape) {
  const Attention attention = attention_with(in, directions, shape);
  const auto mass = at::matmul(attention.weights, in.gold);
  const auto slope = attention.weights * (in.gold - mass.unsqueeze(-1));
  const double factor = -shape.scale / static_cast<double>(shape.heads * in.queries.size(2));
  if (!attention.bend.defined()) {
    return {mass, {at::matmul(slope.sum(2), in.keys).mul_(factor), {}}};
  }
  slope.mul_(attention.bend);
  const auto of_keys = slope.sum(2);  // [kv_heads, group, keys]
  auto query = at::matmul(of_keys, in.keys) + of_keys.sum(-1, true) * directions.key;
  auto key = at::matmul(slope.sum(3).unsqueeze(2), attention.queries).squeeze(2);
  return {mass, {query.mul_(factor), key.mul_(factor)}};
}

// AdamW (Loshchilov and Hutter 2019) with PyTorch's defaults.
struct AdamW {
  static constexpr double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  at::Tensor first, second;
  std::int64_t steps = 0;

  explicit AdamW(const at::Tensor& like)
      : first(at::zeros_like(like)), second(at::zeros_like(like)) {}

  void step(at::Tensor& value, const at::Tensor& gradient,
            const DirectionTrainingOptions& options) {
    ++steps;
    value.mul_(1 - options.learning_rate * options.weight_decay);
    first.mul_(beta1).add_(gradient, 1 - beta1);
    second.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
    const double correction1 = 1 - std::pow(beta1, static_cast<double>(steps));
    const double correction2 = 1 - std::pow(beta2, static_cast<double>(steps));
    const auto scale = second.div(correction2).sqrt_().add_(epsilon);
    value.addcdiv_(first, scale, -options.learning_rate / correction1);
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

// [layers, kv_heads, group, head_dim] over the memory of `directions`.
struct DirectionViews {
  at::Tensor query, key;
  DirectionViews(const Directions& directions, const DirectionShape& shape)
      : query(view(directions.query, shape)), key(view(directions.key, shape)) {}
  LayerDirections of(int layer) const { return {query[layer], key[layer]}; }

 private:
  static at::Tensor view(const std::vector<float>& values, const DirectionShape& shape) {
    return view_of(values,
                   {shape.layers, shape.kv_heads, shape.heads / shape.kv_heads, shape.head_dim});
  }
};

// Trains in place on the vectors of `result`.
class Trainer {
 public:
  Trainer(std::span<const DirectionSample> samples, const DirectionShape& shape,
          const DirectionTrainingOptions& options, DirectionTraining& result)
      : samples_(samples),
        shape_(shape),
        options_(options),
        result_(result),
        directions_(result.directions, shape),
        order_(samples.size()),
        rng_(options.seed, 2) {
    for (int layer = 0; layer < shape.layers; ++layer) {
      query_steps_.emplace_back(directions_.query[layer]);
      key_steps_.emplace_back(directions_.key[layer]);
    }
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
    const SampleMasks masks(sample, shape_);
    for (int layer = 0; layer < shape_.layers; ++layer) {
      const auto index = static_cast<std::size_t>(layer);
      LayerDirections here = directions_.of(layer);
      const Step step = loss_step(layer_inputs(sample, masks, shape_, layer), here, shape_);
      sums.relevant_mass[index] += step.mass.mean().item<double>();
      query_steps_[index].step(here.query, step.gradient.query, options_);
      if (step.gradient.key.defined()) {
        key_steps_[index].step(here.key, step.gradient.key, options_);
      } else {
        here.key.mul_(1 - options_.learning_rate * options_.weight_decay);
      }
    }
  }

  std::span<const DirectionSample> samples_;
  DirectionShape shape_;
  DirectionTrainingOptions options_;
  DirectionTraining& result_;
  DirectionViews directions_;  // over result_.directions
  std::vector<AdamW> query_steps_, key_steps_;
  std::vector<std::size_t> order_;
  Rng rng_;
};

void add_masses(const DirectionSample& sample, const DirectionShape& shape,
                const DirectionViews& directions, std::vector<double>& sums) {
  const SampleMasks masks(sample, shape);
  for (int layer = 0; layer < shape.layers; ++layer) {
    const LayerInputs in = layer_inputs(sample, masks, shape, layer);
    const auto weights = attention_with(in, directions.of(layer), shape).weights;
    const auto mass = at::matmul(weights, in.gold).mean(-1).contiguous();
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
  if (directions.query.size() != vector_count(shape) ||
      directions.key.size() != vector_count(shape)) {
    return bad_input("focus directions: shape [" + std::to_string(directions.layers) + ", " +
                     std::to_string(directions.heads) + ", " + std::to_string(directions.head_dim) +
                     "] is not that of the model");
  }
  try {
    c10::InferenceMode inference;
    DirectionViews views(directions, shape);
    views.query = views.query * alpha;
    views.key = views.key * alpha;
    std::vector<double> sums(static_cast<std::size_t>(shape.layers * shape.heads), 0.0);
    for (const DirectionSample& sample : samples) {
      if (context.cancelled()) return fail(ErrorKind::cancelled, "the check was cancelled");
      add_masses(sample, shape, views, sums);
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
