// Split-softmax and focus bias on one row of attention weights (method.md 2 and 3): plain numbers,
// for the live preview.
#pragma once

#include <span>

#include "core/base/types.h"

namespace headscope {

/// What the weights inside and outside S are multiplied by.
struct SplitFactors {
  double marked = 1.0;
  double rest = 1.0;
};

/// Factors for a row with mass `marked` on S and `rest` elsewhere (their sum is the row's mass,
/// about 1), by the map of core/intervention/split_softmax.cpp. Identity where S is not visible or
/// holds everything (rest = 0), where log p < log_mass_floor, and for tau = 1.
SplitFactors split_factors(double marked, double rest, double tau);

/// weights <- softmax(log weights + alpha * bias) in place; a weight of 0 (masked) stays 0.
void apply_focus_bias(std::span<float> weights, std::span<const float> bias, double alpha);

}  // namespace headscope
