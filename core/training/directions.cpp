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
  at::Tensor marks;    // [keys, 2], 1 on gold, on irrelevant tokens
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

at::Tensor mark_of(const TokenSet& tokens, std::int64_t keys) {
  std::vector<float> mark(static_cast<std::size_t>(keys), 0.0f);
  for (const std::int64_t token : tokens) mark[static_cast<std::size_t>(token)] = 1.0f;
  return view_of(mark, {keys}).clone();
}

std::int64_t window_of(const DirectionShape& shape, int layer) {
  return shape.windows.empty() ? 0 : shape.windows[static_cast<std::size_t>(layer)];
}

// Parts of LayerInputs that several layers share.
struct SampleMasks {
  at::Tensor gold, marks;
  std::map<std::int64_t, at::Tensor> causal;  // by window
  SampleMasks(const DirectionSample& sample, const DirectionShape& shape)
      : gold(mark_of(sample.gold, sample.capture.keys)),
        marks(at::stack({gold, mark_of(sample.irrelevant, sample.capture.keys)}, 1)) {
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
          masks.causal.at(window_of(shape, layer)), masks.gold, masks.marks};
}

// Directions of one layer, [kv_heads, group, head_dim] each. `use_key`: compute the key half where
// it has no effect, too.
struct LayerDirections {
  at::Tensor query, key;
  bool use_key = false;
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
  // Without a soft-cap, training leaves out what only shifts the scores of a row.
  if (shape.softcap > 0 || directions.use_key) {
    scores.add_(at::matmul(out.queries, directions.key.unsqueeze(-1)));
  }
  if (shape.softcap > 0) {
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
    return {mass, {at::matmul(slope.sum(2), in.keys).mul_(factor), {}, false}};
  }
  slope.mul_(attention.bend);
  const auto of_keys = slope.sum(2);  // [kv_heads, group, keys]
  auto query = at::matmul(of_keys, in.keys) + of_keys.sum(-1, true) * directions.key;
  auto key = at::matmul(slope.sum(3).unsqueeze(2), attention.queries).squeeze(2);
  return {mass, {query.mul_(factor), key.mul_(factor), true}};
}

// One step of AdamW (Loshchilov and Hutter 2019) with PyTorch's defaults; `steps` counts this one.
void adamw_step(at::Tensor value, const at::Tensor& gradient, at::Tensor first, at::Tensor second,
                std::int64_t steps, const DirectionTrainingOptions& options) {
  constexpr double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  value.mul_(1 - options.learning_rate * options.weight_decay);
  first.mul_(beta1).add_(gradient, 1 - beta1);
  second.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
  const double correction1 = 1 - std::pow(beta1, static_cast<double>(steps));
  const double correction2 = 1 - std::pow(beta2, static_cast<double>(steps));
  const auto scale = second.div(correction2).sqrt_().add_(epsilon);
  value.addcdiv_(first, scale, -options.learning_rate / correction1);
}

std::size_t vector_count(const DirectionShape& shape) {
  return static_cast<std::size_t>(shape.layers) * static_cast<std::size_t>(shape.heads) *
         static_cast<std::size_t>(shape.head_dim);
}

std::vector<float> normal_values(std::size_t count, double deviation, Rng& rng) {
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(rng.normal(0, deviation));
  return values;
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
  const auto leaves = [&](const TokenSet& tokens) {
    return !tokens.empty() && (tokens.front() < 0 || tokens.back() >= capture.keys);
  };
  const bool outside = leaves(sample.gold) || leaves(sample.irrelevant);
  if (sample.gold.empty() || outside || capture.rows.size() == 0 ||
      capture.rows.end > capture.keys) {
    return fail(ErrorKind::internal, name + "has no gold tokens or no response rows");
  }
  return {};
}

Result<> check_shape(const DirectionSamples& samples, const DirectionShape& shape) {
  const bool sensible = shape.layers > 0 && shape.kv_heads > 0 && shape.head_dim > 0 &&
                        shape.heads > 0 && shape.heads % shape.kv_heads == 0;
  if (!sensible) return fail(ErrorKind::internal, "direction training: not the shape of a model");
  if (samples.size() == 0) return bad_input("direction training: no sample is left to train on");
  return {};
}

Result<const DirectionSample*> checked_sample(DirectionSamples& samples,
                                              const DirectionShape& shape, std::size_t index) {
  HEADSCOPE_ASSIGN(const DirectionSample* sample, samples.at(index));
  HEADSCOPE_TRY(check_sample(*sample, shape, index));
  return sample;
}

// [layers, kv_heads, group, head_dim] over the memory of `values`.
at::Tensor all_layers(const std::vector<float>& values, const DirectionShape& shape) {
  return view_of(values,
                 {shape.layers, shape.kv_heads, shape.heads / shape.kv_heads, shape.head_dim});
}

struct DirectionViews {
  at::Tensor query, key;
  bool use_key = false;
  DirectionViews(const Directions& directions, const DirectionShape& shape)
      : query(all_layers(directions.query, shape)), key(all_layers(directions.key, shape)) {}
  LayerDirections of(int layer) const { return {query[layer], key[layer], use_key}; }
};

DirectionTrainingState first_state(const DirectionShape& shape,
                                   const DirectionTrainingOptions& options) {
  DirectionTrainingState state;
  state.directions = first_directions(shape, options);
  for (auto* moment :
       {&state.query_first, &state.query_second, &state.key_first, &state.key_second}) {
    moment->assign(vector_count(shape), 0.0f);
  }
  return state;
}

Result<> check_state(const DirectionTrainingState& state, const DirectionShape& shape,
                     const DirectionTrainingOptions& options) {
  const std::size_t count = vector_count(shape);
  bool fits = static_cast<int>(state.epochs.size()) <= options.epochs;
  for (const auto* values : {&state.directions.query, &state.directions.key, &state.query_first,
                             &state.query_second, &state.key_first, &state.key_second}) {
    fits = fits && values->size() == count;
  }
  if (fits) return {};
  return bad_input("direction training: what was kept of an earlier run does not fit this one");
}

// Trains in place on the vectors of `state`.
class Trainer {
 public:
  Trainer(DirectionSamples& samples, const DirectionShape& shape,
          const DirectionTrainingOptions& options, DirectionTrainingState& state)
      : samples_(samples),
        shape_(shape),
        options_(options),
        state_(state),
        directions_(state.directions, shape),
        query_first_(all_layers(state.query_first, shape)),
        query_second_(all_layers(state.query_second, shape)),
        key_first_(all_layers(state.key_first, shape)),
        key_second_(all_layers(state.key_second, shape)),
        orders_(sample_orders(samples.size(), options)) {}

  // False: cancelled.
  Result<bool> run(const DirectionTrainingProgress& progress, const RunContext& context) {
    for (std::size_t epoch = state_.epochs.size(); epoch < orders_.size(); ++epoch) {
      HEADSCOPE_ASSIGN(const bool whole, run_epoch(epoch, context));
      if (!whole) return false;
      if (progress.on_epoch) HEADSCOPE_TRY(progress.on_epoch(state_));
    }
    return true;
  }

 private:
  Result<bool> run_epoch(std::size_t epoch, const RunContext& context) {
    DirectionEpoch sums;
    sums.relevant_mass.assign(static_cast<std::size_t>(shape_.layers), 0.0);
    steps_ = static_cast<std::int64_t>(epoch * samples_.size());
    const auto total = static_cast<double>(samples_.size()) * options_.epochs;
    for (const std::size_t index : orders_[epoch]) {
      if (context.cancelled()) return false;
      HEADSCOPE_ASSIGN(const auto* sample, checked_sample(samples_, shape_, index));
      ++steps_;
      step(*sample, sums);
      context.progress("train directions", static_cast<double>(steps_), total);
    }
    for (double& mass : sums.relevant_mass) {
      mass /= static_cast<double>(samples_.size());
      sums.loss.push_back(-mass);
    }
    state_.epochs.push_back(std::move(sums));
    return true;
  }

  void step(const DirectionSample& sample, DirectionEpoch& sums) {
    const SampleMasks masks(sample, shape_);
    for (int layer = 0; layer < shape_.layers; ++layer) {
      const auto index = static_cast<std::size_t>(layer);
      LayerDirections here = directions_.of(layer);
      const Step step = loss_step(layer_inputs(sample, masks, shape_, layer), here, shape_);
      sums.relevant_mass[index] += step.mass.mean().item<double>();
      adamw_step(here.query, step.gradient.query, query_first_[layer], query_second_[layer], steps_,
                 options_);
      if (step.gradient.key.defined()) {
        adamw_step(here.key, step.gradient.key, key_first_[layer], key_second_[layer], steps_,
                   options_);
      } else {
        here.key.mul_(1 - options_.learning_rate * options_.weight_decay);
      }
    }
  }

  DirectionSamples& samples_;
  DirectionShape shape_;
  DirectionTrainingOptions options_;
  DirectionTrainingState& state_;
  DirectionViews directions_;  // this and the moments lie over the memory of state_
  at::Tensor query_first_, query_second_, key_first_, key_second_;
  std::vector<std::vector<std::size_t>> orders_;
  std::int64_t steps_ = 0;
};

// Mean over rows of each head's masses, behind what `out` holds already.
void add_masses(const DirectionSample& sample, const SampleMasks& masks,
                const DirectionShape& shape, const DirectionViews& directions,
                DirectionMasses& out) {
  for (int layer = 0; layer < shape.layers; ++layer) {
    const LayerInputs in = layer_inputs(sample, masks, shape, layer);
    const auto weights = attention_with(in, directions.of(layer), shape).weights;
    const auto mass = at::matmul(weights, in.marks).mean(2).contiguous();  // [kv_heads, group, 2]
    const float* values = mass.const_data_ptr<float>();
    for (int head = 0; head < shape.heads; ++head) {
      out.relevant.push_back(values[2 * head]);
      out.irrelevant.push_back(values[2 * head + 1]);
    }
  }
}

Result<std::vector<DirectionViews>> views_of(std::span<const DirectionVariant> variants,
                                             const DirectionShape& shape) {
  std::vector<DirectionViews> views;
  for (const DirectionVariant& variant : variants) {
    const Directions& directions = *variant.directions;
    if (directions.query.size() != vector_count(shape) ||
        directions.key.size() != vector_count(shape)) {
      return bad_input("focus directions: shape [" + std::to_string(directions.layers) + ", " +
                       std::to_string(directions.heads) + ", " +
                       std::to_string(directions.head_dim) + "] is not that of the model");
    }
    DirectionViews view(directions, shape);
    view.query = view.query * variant.alpha;
    view.key = view.key * (variant.key_half ? variant.alpha : 0.0);
    view.use_key = variant.key_half;
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace

DirectionShape direction_shape(const ModelConfig& config) {
  DirectionShape shape{config.layers,           config.heads,
                       config.kv_heads,         config.head_dim,
                       attention_scale(config), config.attention_softcap};
  for (int layer = 0; layer < config.layers; ++layer) {
    shape.windows.push_back(config.attention_in(layer).window);
  }
  return shape;
}

Directions first_directions(const DirectionShape& shape, const DirectionTrainingOptions& options) {
  Directions directions;
  directions.layers = shape.layers;
  directions.heads = shape.heads;
  directions.head_dim = shape.head_dim;
  Rng rng(options.seed, 1);
  directions.query = normal_values(vector_count(shape), options.init_deviation, rng);
  directions.key = normal_values(vector_count(shape), options.init_deviation, rng);
  return directions;
}

std::vector<std::vector<std::size_t>> sample_orders(std::size_t samples,
                                                    const DirectionTrainingOptions& options) {
  std::vector<std::size_t> order(samples);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<std::vector<std::size_t>> orders;
  Rng rng(options.seed, 2);
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    rng.shuffle(order);
    orders.push_back(order);
  }
  return orders;
}

Result<DirectionTraining> train_directions(DirectionSamples& samples, const DirectionShape& shape,
                                           const DirectionTrainingOptions& options,
                                           const RunContext& context,
                                           const DirectionTrainingProgress& progress) {
  HEADSCOPE_TRY(check_shape(samples, shape));
  try {
    c10::InferenceMode inference;
    auto state = progress.resume != nullptr ? *progress.resume : first_state(shape, options);
    HEADSCOPE_TRY(check_state(state, shape, options));
    HEADSCOPE_ASSIGN(const bool whole,
                     Trainer(samples, shape, options, state).run(progress, context));
    return DirectionTraining{std::move(state.directions), std::move(state.epochs), !whole};
  } catch (const std::exception& error) {
    return fail(ErrorKind::internal, std::string("direction training: ") + error.what());
  }
}

Result<DirectionTraining> train_directions(std::span<const DirectionSample> samples,
                                           const DirectionShape& shape,
                                           const DirectionTrainingOptions& options,
                                           const RunContext& context) {
  SamplesInMemory in_memory(samples);
  return train_directions(in_memory, shape, options, context, {});
}

Result<std::vector<DirectionMasses>> direction_masses(DirectionSamples& samples,
                                                      const DirectionShape& shape,
                                                      std::span<const DirectionVariant> variants,
                                                      const RunContext& context) {
  HEADSCOPE_TRY(check_shape(samples, shape));
  try {
    c10::InferenceMode inference;
    HEADSCOPE_ASSIGN(const auto views, views_of(variants, shape));
    std::vector<DirectionMasses> masses(variants.size());
    for (std::size_t i = 0; i < samples.size(); ++i) {
      HEADSCOPE_ASSIGN(const auto* sample, checked_sample(samples, shape, i));
      const SampleMasks marks(*sample, shape);
      for (std::size_t variant = 0; variant < views.size(); ++variant) {
        if (context.cancelled()) return fail(ErrorKind::cancelled, "the check was cancelled");
        add_masses(*sample, marks, shape, views[variant], masses[variant]);
      }
    }
    return masses;
  } catch (const std::exception& error) {
    return fail(ErrorKind::internal, std::string("focus directions: ") + error.what());
  }
}

Result<std::vector<float>> relevant_mass(std::span<const DirectionSample> samples,
                                         const DirectionShape& shape, const Directions& directions,
                                         double alpha, const RunContext& context) {
  SamplesInMemory in_memory(samples);
  const DirectionVariant variant{&directions, alpha, true};
  HEADSCOPE_ASSIGN(const auto masses, direction_masses(in_memory, shape, {&variant, 1}, context));
  const std::size_t total = static_cast<std::size_t>(shape.layers * shape.heads);
  std::vector<double> sums(total, 0.0);
  const std::vector<float>& relevant = masses[0].relevant;
  for (std::size_t i = 0; i < relevant.size(); ++i) sums[i % total] += double{relevant[i]};
  std::vector<float> means;
  for (const double sum : sums)
    means.push_back(static_cast<float>(sum / static_cast<double>(samples.size())));
  return means;
}

}  // namespace headscope
