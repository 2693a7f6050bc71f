// Split-softmax (method.md 2): with p = sum of a row's weights on the marked keys S,
//   a'_j = a_j p^tau / p on S,   a'_j = a_j (1 - p^tau) / (1 - p) elsewhere.
// Rows in which S is not visible, p = 1, or log p < -80 stay as they are.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/base/error.h"
#include "core/intervention/edit_plan.h"

namespace headscope {

/// Below it a row is left alone: its mass on S is nothing but rounding.
inline constexpr double split_log_floor = -80.0;

/// Checks `split` and adds it to the plan's layers.
Result<> add_split_softmax(const SplitSoftmax& split,
                           const std::vector<std::vector<int>>& heads_by_layer,
                           std::int64_t first_row, std::int64_t prompt_tokens, EditPlan& plan);

/// One edit with its marked positions on the device.
struct SplitTensors {
  std::int64_t first_row = 0;
  double tau = 1.0;
  std::vector<int> heads;
  TokenSet marked;
  at::Tensor positions;  ///< int64 [|S|]
};

SplitTensors upload(const SplitEdit& edit, at::Device device);

/// What weights are multiplied with: 1 where a row stays as it is.
struct SplitFactors {
  at::Tensor inside, outside;  ///< for marked keys and for the others
};

/// Factors for rows with log p = `log_p` (any shape).
SplitFactors split_factors(const at::Tensor& log_p, double tau);

/// Weights form. `weights` [..., R, T] fp32, rows summing to one; returns a'.
at::Tensor split_weights(const at::Tensor& weights, const at::Tensor& marked, double tau);

/// Attention over some keys, normalised on its own.
struct PartialAttention {
  at::Tensor output;   ///< [..., R, D]
  at::Tensor log_sum;  ///< fp32 [..., R]: log of the sum of exp(score) over the keys; -inf = none
};

/// Output form, which needs no weights: p^tau o_S + (1 - p^tau) o_rest. With `whole` = attention
/// over all keys, o = p o_S + (1 - p) o_rest, so that it equals c o + (1 - c) o_S with
/// c = (1 - p^tau) / (1 - p): both factors lie in [0,1], nothing cancels, and o_rest is not needed.
at::Tensor split_outputs(const PartialAttention& whole, const PartialAttention& marked, double tau);

}  // namespace headscope
