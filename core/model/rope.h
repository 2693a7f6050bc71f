// Rotary position embeddings as transformers computes them. Includes torch.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include "core/config/config.h"

namespace headscope {

/// Cosines and sines [..., T, rotated dimensions / 2], attention factor included; undefined where
/// nothing rotates. `query_factor` [..., T, 1] multiplies queries; undefined = 1.
struct RopeTable {
  at::Tensor cos, sin, query_factor;
};

/// One table for each of the model's rotary embeddings (one that does nothing if it has none), for
/// integer `positions` ([T] or [B, 1, T]), computed in fp32.
///
/// `final_length`: tokens that the run will end with. Types that depend on length (dynamic,
/// longrope) take their frequencies from it for every position, so that runs with and without a
/// cache agree. transformers switches at the step that crosses the boundary instead: cached keys
/// keep old frequencies (dynamic) or everything is computed again (Phi-3). Both agree with this
/// for one pass over a whole sequence, and for generation that stays on one side.
std::vector<RopeTable> rope_tables(const ModelConfig& config, const at::Tensor& positions,
                                   std::int64_t final_length, at::ScalarType dtype);

/// Rotates the first dimensions of x [..., T, head_dim] (half-split pairing, as in Hugging Face
/// checkpoints), as many as the table has.
at::Tensor apply_rope(const at::Tensor& x, const RopeTable& table);

}  // namespace headscope
