// A decoder's weights, and where each tensor lies in a checkpoint. Includes torch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/config/config.h"
#include "core/model/linear.h"

namespace headscope {

/// Weights of a normalisation, [size]; `bias` undefined unless NormKind::layer.
struct Norm {
  at::Tensor weight, bias;
};

/// One layer. What a family does not have stays undefined.
struct LayerWeights {
  Norm input_norm;  ///< before attention
  Linear q, k, v, o;
  Norm q_norm, k_norm;       ///< of one head's query or key, [head_dim]
  Norm attention_post_norm;  ///< of what attention gives
  Norm mlp_norm;             ///< before the MLP
  Linear gate, up, down;
  Norm mlp_post_norm;  ///< of what the MLP gives
};

/// All weights of a decoder.
struct DecoderWeights {
  Linear embedding;      ///< [vocab, hidden]
  at::Tensor positions;  ///< [context, hidden]; undefined unless learned
  std::vector<LayerWeights> layers;
  Norm final_norm;
  Linear lm_head;  ///< [vocab, hidden]; without weight when tied to the embedding

  const Linear& output() const { return lm_head.weight.defined() ? lm_head : embedding; }
};

/// How a tensor is stored: alone and as it is, or as rows of a larger one.
struct StoredPart {
  std::int64_t rows = 0;    ///< of the stored tensor; 0 = it is the slot's tensor
  std::int64_t first = 0;   ///< where the part begins in each group of rows
  std::int64_t groups = 1;  ///< equal groups of rows, each with a piece of the part
  bool transposed = false;  ///< stored as [in, rows]
};

/// A tensor's place: its name in a Hugging Face checkpoint, its shape, and where it is kept.
struct TensorSlot {
  std::string name;  ///< of the stored tensor: slots that share one follow each other
  std::vector<std::int64_t> shape;
  at::Tensor* tensor = nullptr;
  StoredPart part = {};
  int layer = -1;               ///< -1: before the layers; the number of layers: after them
  at::Tensor* scale = nullptr;  ///< where int8's scale goes; nullptr: stays in floating point
};

/// Every tensor that `config` calls for, in checkpoint order; resizes `weights.layers`. The one
/// list that loading, saving, counting and training share.
std::vector<TensorSlot> tensor_slots(DecoderWeights& weights, const ModelConfig& config);

/// Shape of the tensor that holds the slot's.
std::vector<std::int64_t> stored_shape(const TensorSlot& slot);

/// The slot's part of `stored`, of the slot's shape: a view where its rows lie together.
at::Tensor slot_part(const TensorSlot& slot, const at::Tensor& stored);

/// Fresh weights, fp32 on the CPU: matrices from N(0, deviation^2), norms neutral, biases 0.
DecoderWeights random_weights(const ModelConfig& config, std::uint64_t seed,
                              double deviation = 0.02);

/// Tensors of `weights` in the order of tensor_slots, e.g. for an optimiser.
std::vector<at::Tensor> parameters(DecoderWeights& weights, const ModelConfig& config);

}  // namespace headscope
