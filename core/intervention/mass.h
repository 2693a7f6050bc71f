// Moving a row's attention mass between a key set S and the rest, proportions inside each kept:
// with p = mass on S and p' what a method makes of it,
//   a'_j = a_j p' / p on S,   a'_j = a_j (1 - p') / (1 - p) elsewhere,
// or, on outputs, o' = (1-p')/(1-p) o + (p'-p)/(1-p) o_S with o = attention over all keys and o_S =
// over S alone. Rows in which S is not visible, p = 1, or log p < -80 stay as they are.
#pragma once

#include "core/intervention/spec.h"

namespace headscope {

/// Below it a row is left alone: its mass on S is nothing but rounding.
inline constexpr double log_mass_floor = -80.0;

/// What a row's weights, or outputs, are multiplied with. The identity by default.
struct MassFactors {
  double inside = 1;   ///< p' / p
  double outside = 1;  ///< (1 - p') / (1 - p): also what o keeps
  double moved = 0;    ///< (p' - p) / (1 - p): what o' takes of o_S
};

/// The map p -> p' of one call.
struct MassMap {
  const InterventionMethod* method = nullptr;  ///< one with log_mass
  MethodValues values;
  /// Factors for a row with log p = `log_p` (-inf: S is not visible; 0 or more: it holds all).
  MassFactors factors(double log_p) const;
};

/// log p' when the odds p : (1 - p) are multiplied by `factor` > 0: what a bias ln(factor) on the
/// scores of S does.
double log_mass_with_odds(double log_p, double factor);

}  // namespace headscope
