#include "core/model/decoder.h"

#include <limits>
#include <optional>

#include <ATen/ATen.h>

namespace headscope {
namespace {

/// [B, T, heads * D] -> [B, T, heads, D].
at::Tensor split_heads(const at::Tensor& x, std::int64_t heads) {
  return x.unflatten(-1, {heads, -1});
}

at::Tensor rms_scaled(const at::Tensor& x, double eps) {
  const auto wide = x.to(at::kFloat);
  return wide * at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + eps);
}

at::Tensor activate(const at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::gelu:
      return at::gelu(x);
    case Activation::gelu_tanh:
      return at::gelu(x, "tanh");
    default:
      return at::silu(x);
  }
}

/// down(act(gate x) * up x), or without a gate down(act(up x)).
at::Tensor mlp(const LayerWeights& layer, const ModelConfig& config, const at::Tensor& normed,
               const std::function<void()>& between) {
  auto inner =
      activate(config.gated_mlp ? layer.gate(normed) : layer.up(normed), config.activation);
  if (between) between();
  if (config.gated_mlp) {
    inner = inner * layer.up(normed);
    if (between) between();
  }
  return layer.down(inner);
}

/// bool [T, T] of what a layer's rows see, `seen` included; nothing where plain causal attention
/// does.
std::optional<at::Tensor> visible(const at::Tensor& seen, std::int64_t window,
                                  const at::Tensor& ids) {
  const std::int64_t tokens = ids.size(1);
  if (window == 0 || window >= tokens) {
    return seen.defined() ? std::optional<at::Tensor>(seen) : std::nullopt;
  }
  const auto ones = at::ones({tokens, tokens}, ids.options().dtype(at::kBool));
  const auto near = ones.triu(1 - window);
  return seen.defined() ? seen.logical_and(near) : near.tril();
}

/// Attention with its weights, for scores with a soft-cap. mask as for decoder_hidden.
at::Tensor capped_attention(const Projections& in, const std::optional<at::Tensor>& mask,
                            double scale, double cap) {
  const std::int64_t tokens = in.q.size(2);
  const auto seen =
      mask ? *mask : at::ones({tokens, tokens}, in.q.options().dtype(at::kBool)).tril();
  const auto scores = soft_cap(at::matmul(in.q, in.k.transpose(2, 3)) * scale, cap);
  const auto weights =
      scores.masked_fill(seen.logical_not(), -std::numeric_limits<double>::infinity())
          .softmax(-1, at::kFloat);
  return at::matmul(weights.to(in.v.scalar_type()), in.v);
}

at::Tensor attend_all(Projections in, const ModelConfig& config,
                      const std::optional<at::Tensor>& mask) {
  const std::int64_t group = config.heads / config.kv_heads;
  if (group > 1) {  // the CPU kernel's backward pass knows no grouped heads
    in.k = in.k.repeat_interleave(group, 1);
    in.v = in.v.repeat_interleave(group, 1);
  }
  const double scale = attention_scale(config);
  if (config.attention_softcap > 0) {
    return capped_attention(in, mask, scale, config.attention_softcap);
  }
  return at::scaled_dot_product_attention(in.q, in.k, in.v, mask, 0.0, !mask.has_value(), scale);
}

}  // namespace

at::Tensor normalise(const at::Tensor& x, const Norm& norm, const ModelConfig& config) {
  switch (config.norm) {
    case NormKind::layer:
      return at::layer_norm(x, norm.weight.sizes(), norm.weight, norm.bias, config.norm_eps);
    case NormKind::rms_plus_one:
      return (rms_scaled(x, config.norm_eps) * (1 + norm.weight.to(at::kFloat)))
          .to(x.scalar_type());
    default:
      return norm.weight * rms_scaled(x, config.norm_eps).to(x.scalar_type());
  }
}

at::Tensor soft_cap(const at::Tensor& x, double cap) {
  return cap > 0 ? (x / cap).tanh() * cap : x;
}

at::Tensor embed(const DecoderWeights& weights, const ModelConfig& config, const at::Tensor& ids,
                 const at::Tensor& positions) {
  auto x = weights.embedding.rows(ids, weights.final_norm.weight.scalar_type());
  if (config.embedding_scale != 1) {
    x = x * at::scalar_tensor(config.embedding_scale, x.options());
  }
  if (weights.positions.defined()) x = x + at::embedding(weights.positions, positions);
  return x;
}

Projections project(const LayerWeights& layer, const ModelConfig& config, const at::Tensor& normed,
                    const RopeTable& rope) {
  auto q = split_heads(layer.q(normed), config.heads);
  auto k = split_heads(layer.k(normed), config.kv_heads);
  if (config.query_key_norm) {
    q = normalise(q, layer.q_norm, config);
    k = normalise(k, layer.k_norm, config);
  }
  Projections out;
  out.q = apply_rope(q.transpose(1, 2), rope);
  out.k = apply_rope(k.transpose(1, 2), rope);
  out.v = split_heads(layer.v(normed), config.kv_heads).transpose(1, 2);
  if (rope.query_factor.defined()) out.q = out.q * rope.query_factor;
  return out;
}

at::Tensor attention_branch(const LayerWeights& layer, const ModelConfig& config,
                            const at::Tensor& heads_output) {
  const auto out = layer.o(heads_output.transpose(1, 2).flatten(2));
  return config.post_norms ? normalise(out, layer.attention_post_norm, config) : out;
}

at::Tensor finish_layer(const LayerWeights& layer, const ModelConfig& config, const at::Tensor& x,
                        const at::Tensor& attention, const std::function<void()>& between) {
  const auto added = x + attention;
  const auto& input = config.parallel_residual ? x : added;
  auto out = mlp(layer, config, normalise(input, layer.mlp_norm, config), between);
  if (config.post_norms) out = normalise(out, layer.mlp_post_norm, config);
  return added + out;
}

at::Tensor decoder_hidden(const DecoderWeights& weights, const ModelConfig& config,
                          const at::Tensor& ids, const DecoderOptions& options) {
  const auto places = options.positions.defined()
                          ? options.positions
                          : at::arange(ids.size(1), ids.options().dtype(at::kLong)).unsqueeze(0);
  const auto ropes = rope_tables(config, places.unsqueeze(1), ids.size(1),
                                 weights.final_norm.weight.scalar_type());
  auto x = embed(weights, config, ids, places);
  for (int i = 0; i < config.layers; ++i) {
    const LayerWeights& layer = weights.layers[static_cast<std::size_t>(i)];
    const LayerAttention kind = config.attention_in(i);
    const auto projections = project(layer, config, normalise(x, layer.input_norm, config),
                                     ropes[static_cast<std::size_t>(kind.rope)]);
    const auto heads =
        attend_all(projections, config, visible(options.attention_mask, kind.window, ids));
    x = finish_layer(layer, config, x, attention_branch(layer, config, heads));
  }
  return normalise(x, weights.final_norm, config);
}

at::Tensor decoder_logits(const DecoderWeights& weights, const ModelConfig& config,
                          const at::Tensor& hidden) {
  return soft_cap(weights.output()(hidden), config.final_softcap);
}

at::Tensor decoder_forward(const DecoderWeights& weights, const ModelConfig& config,
                           const at::Tensor& ids, const DecoderOptions& options) {
  return decoder_logits(weights, config, decoder_hidden(weights, config, ids, options));
}

}  // namespace headscope
