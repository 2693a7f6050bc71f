#include "core/analysis/split_softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/intervention/mass.h"
#include "core/intervention/method.h"

namespace headscope {

SplitFactors split_factors(double marked, double rest, double tau) {
  if (!(marked > 0) || !(rest > 0)) return {};
  // log p from the ratio keeps its digits when p is almost 1.
  const double log_p = -std::log1p(rest / marked);
  const MassFactors factors = MassMap{&split_softmax_method, {tau}}.factors(log_p);
  return {factors.inside, factors.outside};
}

void apply_focus_bias(std::span<float> weights, std::span<const float> bias, double alpha) {
  if (alpha == 0) return;
  double top = -std::numeric_limits<double>::infinity();
  for (std::size_t j = 0; j < weights.size(); ++j) {
    if (weights[j] > 0) {
      top = std::max(
          top, std::log(static_cast<double>(weights[j])) + alpha * static_cast<double>(bias[j]));
    }
  }
  double sum = 0;
  for (std::size_t j = 0; j < weights.size(); ++j) {
    if (weights[j] > 0) {
      sum += std::exp(std::log(static_cast<double>(weights[j])) +
                      alpha * static_cast<double>(bias[j]) - top);
    }
  }
  if (!(sum > 0) || !std::isfinite(sum)) return;
  for (std::size_t j = 0; j < weights.size(); ++j) {
    if (weights[j] > 0) {
      weights[j] = static_cast<float>(std::exp(std::log(static_cast<double>(weights[j])) +
                                               alpha * static_cast<double>(bias[j]) - top) /
                                      sum);
    }
  }
}

}  // namespace headscope
