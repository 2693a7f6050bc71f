// Split-softmax and focus bias on one row of attention weights (method.md 2 and 3): plain numbers,
// for the live preview and as oracle of the kernels.
#pragma once

#include <span>

#include "core/base/types.h"

namespace headscope {

/// Rows whose log p lies below this stay as they are (method.md 2, one floor for all forms).
inline constexpr double split_softmax_log_floor = -80.0;

/// What the weights inside and outside S are multiplied by.
struct SplitFactors {
  double marked = 1.0;
  double rest = 1.0;
};

/// Factors for a row with mass `marked` on S and `rest` elsewhere (their sum is the row's mass,
/// about 1). Identity where S is not visible or holds everything (rest = 0), where
/// log p < split_softmax_log_floor, and for tau = 1.
SplitFactors split_factors(double marked, double rest, double tau);

/// Split-softmax in place; S = the keys in `marked`.
void apply_split_softmax(std::span<float> weights, TokenRange marked, double tau);

/// weights <- softmax(log weights + alpha * bias) in place; a weight of 0 (masked) stays 0.
void apply_focus_bias(std::span<float> weights, std::span<const float> bias, double alpha);

}  // namespace headscope
