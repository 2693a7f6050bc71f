#include "core/model/decoder.h"

#include <cmath>
#include <numbers>
#include <optional>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

namespace headscope {
namespace {

using Shape = std::vector<std::int64_t>;

void add_layer_slots(std::vector<TensorSlot>& slots, LayerWeights& layer, const ModelConfig& config,
                     int index) {
  const std::string prefix = "model.layers." + std::to_string(index) + ".";
  const std::int64_t hidden = config.hidden_size, inner = config.intermediate_size;
  const std::int64_t q_size = std::int64_t{config.heads} * config.head_dim;
  const std::int64_t kv_size = std::int64_t{config.kv_heads} * config.head_dim;
  const auto add = [&](const char* name, Shape shape, at::Tensor& tensor) {
    slots.push_back({prefix + name, std::move(shape), &tensor});
  };
  const auto linear = [&](const std::string& name, std::int64_t out, std::int64_t in, Linear& map,
                          bool has_bias) {
    add((name + ".weight").c_str(), {out, in}, map.weight);
    if (has_bias) add((name + ".bias").c_str(), {out}, map.bias);
  };
  add("input_layernorm.weight", {hidden}, layer.input_norm);
  linear("self_attn.q_proj", q_size, hidden, layer.q, config.attention_bias);
  linear("self_attn.k_proj", kv_size, hidden, layer.k, config.attention_bias);
  linear("self_attn.v_proj", kv_size, hidden, layer.v, config.attention_bias);
  linear("self_attn.o_proj", hidden, q_size, layer.o, config.attention_output_bias);
  add("post_attention_layernorm.weight", {hidden}, layer.post_norm);
  linear("mlp.gate_proj", inner, hidden, layer.gate, config.mlp_bias);
  linear("mlp.up_proj", inner, hidden, layer.up, config.mlp_bias);
  linear("mlp.down_proj", hidden, inner, layer.down, config.mlp_bias);
}

/// [B, T, heads * D] -> [B, heads, T, D].
at::Tensor split_heads(const at::Tensor& x, std::int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, -1}).transpose(1, 2);
}

/// Frequencies per pair of dimensions, [head_dim / 2]: in fp32 and in the order of transformers, so
/// that rounding agrees at long positions too.
at::Tensor inverse_frequencies(const ModelConfig& config) {
  const RopeConfig& rope = config.rope;
  const auto exponents =
      at::arange(0, config.head_dim, 2, at::kLong).to(at::kFloat) / config.head_dim;
  auto frequencies = at::reciprocal(at::pow(at::Scalar(rope.theta), exponents));
  if (rope.type == "linear") return frequencies / rope.factor;
  if (rope.type != "llama3") return frequencies;
  // Llama 3.1: long wavelengths are stretched by `factor`, short ones kept, in between blended.
  const double context = static_cast<double>(rope.original_context);
  const auto wavelengths = 2 * std::numbers::pi / frequencies;
  const auto stretched = frequencies / rope.factor;
  const auto smooth = (context / wavelengths - rope.low_freq_factor) /
                      (rope.high_freq_factor - rope.low_freq_factor);
  const auto blended = (1 - smooth) * stretched + smooth * frequencies;
  const auto is_long = wavelengths > context / rope.low_freq_factor;
  const auto is_short = wavelengths < context / rope.high_freq_factor;
  return at::where(is_long, stretched, at::where(is_short, frequencies, blended));
}

}  // namespace

std::vector<TensorSlot> tensor_slots(DecoderWeights& weights, const ModelConfig& config) {
  weights.layers.resize(static_cast<std::size_t>(config.layers));
  std::vector<TensorSlot> slots;
  slots.push_back(
      {"model.embed_tokens.weight", {config.vocab_size, config.hidden_size}, &weights.embedding});
  for (int i = 0; i < config.layers; ++i) {
    add_layer_slots(slots, weights.layers[static_cast<std::size_t>(i)], config, i);
  }
  slots.push_back({"model.norm.weight", {config.hidden_size}, &weights.final_norm});
  if (!config.tie_word_embeddings) {
    slots.push_back({"lm_head.weight", {config.vocab_size, config.hidden_size}, &weights.lm_head});
  }
  return slots;
}

DecoderWeights random_weights(const ModelConfig& config, std::uint64_t seed, double deviation) {
  DecoderWeights weights;
  const auto generator = at::detail::createCPUGenerator(seed);
  for (TensorSlot& slot : tensor_slots(weights, config)) {
    if (slot.shape.size() == 2) {
      *slot.tensor = at::empty(slot.shape, at::kFloat).normal_(0.0, deviation, generator);
    } else {
      *slot.tensor = slot.name.ends_with(".bias") ? at::zeros(slot.shape) : at::ones(slot.shape);
    }
  }
  return weights;
}

std::vector<at::Tensor> parameters(DecoderWeights& weights, const ModelConfig& config) {
  std::vector<at::Tensor> all;
  for (const TensorSlot& slot : tensor_slots(weights, config)) all.push_back(*slot.tensor);
  return all;
}

RopeTable rope_table(const ModelConfig& config, const at::Tensor& positions, at::ScalarType dtype) {
  const auto frequencies = inverse_frequencies(config).to(positions.device());
  const auto angles = positions.to(at::kFloat).unsqueeze(-1) * frequencies;
  return {angles.cos().to(dtype), angles.sin().to(dtype)};
}

at::Tensor apply_rope(const at::Tensor& x, const RopeTable& table) {
  const auto halves = x.chunk(2, -1);
  return at::cat({halves[0] * table.cos - halves[1] * table.sin,
                  halves[1] * table.cos + halves[0] * table.sin},
                 -1);
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const auto wide = x.to(at::kFloat);
  const auto inverse = at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + eps);
  return weight * (wide * inverse).to(x.scalar_type());
}

Projections project(const LayerWeights& layer, const ModelConfig& config, const at::Tensor& normed,
                    const RopeTable& rope) {
  Projections out;
  out.q = apply_rope(split_heads(layer.q(normed), config.heads), rope);
  out.k = apply_rope(split_heads(layer.k(normed), config.kv_heads), rope);
  out.v = split_heads(layer.v(normed), config.kv_heads);
  return out;
}

at::Tensor project_output(const LayerWeights& layer, const at::Tensor& heads_output) {
  const auto rows = heads_output.transpose(1, 2).flatten(2);
  return layer.o(rows);
}

at::Tensor mlp(const LayerWeights& layer, const at::Tensor& normed,
               const std::function<void()>& between) {
  const auto gate = at::silu(layer.gate(normed));
  if (between) between();
  const auto gated = gate * layer.up(normed);
  if (between) between();
  return layer.down(gated);
}

double attention_scale(const ModelConfig& config) {
  return config.query_scale > 0 ? config.query_scale : 1.0 / std::sqrt(double(config.head_dim));
}

at::Tensor decoder_hidden(const DecoderWeights& weights, const ModelConfig& config,
                          const at::Tensor& ids, const DecoderOptions& options) {
  const auto positions = options.positions.defined()
                             ? options.positions.unsqueeze(1)
                             : at::arange(ids.size(1), ids.options().dtype(at::kLong));
  const RopeTable rope = rope_table(config, positions, weights.embedding.scalar_type());
  const std::int64_t group = config.heads / config.kv_heads;
  const auto mask = options.attention_mask.defined()
                        ? std::optional<at::Tensor>(options.attention_mask)
                        : std::nullopt;
  auto x = at::embedding(weights.embedding, ids);
  for (const LayerWeights& layer : weights.layers) {
    auto [q, k, v] =
        project(layer, config, rms_norm(x, layer.input_norm, config.rms_norm_eps), rope);
    if (group > 1) {  // the CPU kernel's backward pass knows no grouped heads
      k = k.repeat_interleave(group, 1);
      v = v.repeat_interleave(group, 1);
    }
    const auto heads = at::scaled_dot_product_attention(q, k, v, mask, 0.0, !mask.has_value(),
                                                        attention_scale(config));
    x = x + project_output(layer, heads);
    x = x + mlp(layer, rms_norm(x, layer.post_norm, config.rms_norm_eps));
  }
  return rms_norm(x, weights.final_norm, config.rms_norm_eps);
}

at::Tensor decoder_logits(const DecoderWeights& weights, const at::Tensor& hidden) {
  return at::linear(hidden, weights.output());
}

at::Tensor decoder_forward(const DecoderWeights& weights, const ModelConfig& config,
                           const at::Tensor& ids, const DecoderOptions& options) {
  return decoder_logits(weights, decoder_hidden(weights, config, ids, options));
}

}  // namespace headscope
