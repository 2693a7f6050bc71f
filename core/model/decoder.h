// The decoder's arithmetic, shared by inference (core/model/engine.h) and training: weights as
// named tensors, the blocks of a layer, and a batched differentiable forward. Includes torch;
// functions here throw c10::Error like torch does: callers with a public interface catch.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/base/error.h"
#include "core/model/config.h"
#include "core/model/linear.h"

namespace headscope {

/// One layer.
struct LayerWeights {
  at::Tensor input_norm;  ///< before attention, [hidden]
  Linear q, k, v, o;
  at::Tensor post_norm;  ///< before the MLP, [hidden]
  Linear gate, up, down;
};

/// All weights of a decoder.
struct DecoderWeights {
  at::Tensor embedding;  ///< [vocab, hidden]
  std::vector<LayerWeights> layers;
  at::Tensor final_norm;  ///< [hidden]
  at::Tensor lm_head;     ///< [vocab, hidden]; undefined when tied to the embedding

  const at::Tensor& output() const { return lm_head.defined() ? lm_head : embedding; }
};

/// A tensor's place: its name in a Hugging Face checkpoint, its shape, and where it is kept.
struct TensorSlot {
  std::string name;
  std::vector<std::int64_t> shape;
  at::Tensor* tensor = nullptr;
};

/// Every tensor that `config` calls for, in checkpoint order; resizes `weights.layers`. The one
/// list that loading, saving, counting and training share.
std::vector<TensorSlot> tensor_slots(DecoderWeights& weights, const ModelConfig& config);

/// Fresh weights, fp32 on the CPU: matrices from N(0, deviation^2), norms 1, biases 0.
DecoderWeights random_weights(const ModelConfig& config, std::uint64_t seed,
                              double deviation = 0.02);

/// Tensors of `weights` in the order of tensor_slots, e.g. for an optimiser.
std::vector<at::Tensor> parameters(DecoderWeights& weights, const ModelConfig& config);

/// Cosines and sines of rotary embedding, [..., T, head_dim / 2] each, factor included.
struct RopeTable {
  at::Tensor cos, sin;
};

/// Tables for integer `positions` ([T] or [B, 1, T]), computed in fp32 as transformers does.
RopeTable rope_table(const ModelConfig& config, const at::Tensor& positions, at::ScalarType dtype);

/// Rotates x [..., T, head_dim] (half-split pairing, as in Hugging Face checkpoints).
at::Tensor apply_rope(const at::Tensor& x, const RopeTable& table);

/// RMSNorm: x / sqrt(mean(x^2) + eps) * weight, statistics in fp32.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

/// Queries, keys and values of normalised input [B, T, hidden], after bias and RoPE, before any
/// intervention: [B, H, T, D], [B, H_kv, T, D], [B, H_kv, T, D].
struct Projections {
  at::Tensor q, k, v;
};
Projections project(const LayerWeights& layer, const ModelConfig& config, const at::Tensor& normed,
                    const RopeTable& rope);

/// Output projection of attention outputs [B, H, T, D] -> [B, T, hidden].
at::Tensor project_output(const LayerWeights& layer, const at::Tensor& heads_output);

/// down(silu(gate x) * up x). `between`, if given, is called between the products (to be
/// cancelled).
at::Tensor mlp(const LayerWeights& layer, const at::Tensor& normed,
               const std::function<void()>& between = {});

/// The factor on query-key products before softmax.
double attention_scale(const ModelConfig& config);

/// What decoder_forward may be told.
struct DecoderOptions {
  at::Tensor positions;  ///< int64 [B, T]; undefined = 0..T-1
  at::Tensor
      attention_mask;  ///< bool, broadcasts to [B, H, T, T], true = visible; undefined = causal
};

/// Hidden states after the final norm, [B, T, hidden], for ids int64 [B, T]. Differentiable.
at::Tensor decoder_hidden(const DecoderWeights& weights, const ModelConfig& config,
                          const at::Tensor& ids, const DecoderOptions& options = {});

/// Logits [..., vocab] of hidden states [..., hidden]: apply it to the wanted positions only.
at::Tensor decoder_logits(const DecoderWeights& weights, const at::Tensor& hidden);

/// decoder_logits(decoder_hidden(...)): [B, T, vocab].
at::Tensor decoder_forward(const DecoderWeights& weights, const ModelConfig& config,
                           const at::Tensor& ids, const DecoderOptions& options = {});

/// Writes model.safetensors (fp32) and config.json into `folder` (created if absent) so that both
/// Model::load and transformers' AutoModelForCausalLM read it.
Result<> save_checkpoint(const std::string& folder, DecoderWeights& weights,
                         const ModelConfig& config);

}  // namespace headscope
