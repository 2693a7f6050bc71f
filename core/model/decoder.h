// The decoder's arithmetic, shared by inference (core/model/decoder_engine.h) and training: the
// blocks of a layer, and a batched differentiable forward. Includes torch; functions here throw
// c10::Error like torch does: callers with a public interface catch.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/base/error.h"
#include "core/config/config.h"
#include "core/model/rope.h"
#include "core/model/tensor_slots.h"

namespace headscope {

/// RMSNorm x / sqrt(mean(x^2) + eps) * weight (statistics in fp32), the same with 1 + weight, or
/// LayerNorm: as the model's config says.
at::Tensor normalise(const at::Tensor& x, const Norm& norm, const ModelConfig& config);

/// cap * tanh(x / cap); x itself for cap 0.
at::Tensor soft_cap(const at::Tensor& x, double cap);

/// Inputs of the first layer [..., hidden] for ids [...] at integer `positions` (of a shape that
/// broadcasts to that of ids; only read where positions are learned).
at::Tensor embed(const DecoderWeights& weights, const ModelConfig& config, const at::Tensor& ids,
                 const at::Tensor& positions);

/// Queries, keys and values of normalised input [B, T, hidden], after bias, norm and RoPE, before
/// any intervention: [B, H, T, D], [B, H_kv, T, D], [B, H_kv, T, D].
struct Projections {
  at::Tensor q, k, v;
};
Projections project(const LayerWeights& layer, const ModelConfig& config, const at::Tensor& normed,
                    const RopeTable& rope);

/// What attention adds to the residual stream: attention outputs [B, H, T, D] -> [B, T, hidden].
at::Tensor attention_branch(const LayerWeights& layer, const ModelConfig& config,
                            const at::Tensor& heads_output);

/// The layer's output: its input x and `attention` [B, T, hidden] plus what the MLP adds.
/// `between`, if given, is called between the MLP's products (to be cancelled).
at::Tensor finish_layer(const LayerWeights& layer, const ModelConfig& config, const at::Tensor& x,
                        const at::Tensor& attention, const std::function<void()>& between = {});

/// What decoder_forward may be told.
struct DecoderOptions {
  at::Tensor positions;       ///< int64 [B, T]; undefined = 0..T-1
  at::Tensor attention_mask;  ///< bool, broadcasts to [B, H, T, T], true = visible; undefined =
                              ///< causal. A layer's window, counted in places, hides more
};

/// Hidden states after the final norm, [B, T, hidden], for ids int64 [B, T]. Differentiable.
at::Tensor decoder_hidden(const DecoderWeights& weights, const ModelConfig& config,
                          const at::Tensor& ids, const DecoderOptions& options = {});

/// Logits [..., vocab] of hidden states [..., hidden]: apply it to the wanted positions only.
at::Tensor decoder_logits(const DecoderWeights& weights, const ModelConfig& config,
                          const at::Tensor& hidden);

/// decoder_logits(decoder_hidden(...)): [B, T, vocab].
at::Tensor decoder_forward(const DecoderWeights& weights, const ModelConfig& config,
                           const at::Tensor& ids, const DecoderOptions& options = {});

/// Writes model.safetensors (fp32) and config.json into `folder` (created if absent) so that both
/// Model::load and transformers' AutoModelForCausalLM read it.
Result<> save_checkpoint(const std::string& folder, DecoderWeights& weights,
                         const ModelConfig& config);

}  // namespace headscope
