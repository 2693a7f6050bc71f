#include "core/intervention/mass.h"

#include <cmath>

#include "core/intervention/method.h"

namespace headscope {

MassFactors MassMap::factors(double log_p) const {
  if (!(log_p >= log_mass_floor && log_p < 0)) return {};
  const double moved_to = method->log_mass(log_p, values);
  // expm1 keeps the digits of 1 - p and of p' - p when p or p' is almost one.
  return {std::exp(moved_to - log_p), std::expm1(moved_to) / std::expm1(log_p),
          std::exp(moved_to) * std::expm1(log_p - moved_to) / std::expm1(log_p)};
}

double log_mass_with_odds(double log_p, double factor) {
  // p' = m p / (m p + 1 - p) = 1 / (1 + (1 - p) / (m p)), and (1 - p) / p = expm1(-log p).
  return -std::log1p(std::expm1(-log_p) / factor);
}

}  // namespace headscope
