#include "core/figure/colour_scale.h"

#include <algorithm>
#include <cmath>

namespace headscope::figure {

double ColorScale::position(double value) const {
  if (both_ways()) {
    const double magnitude = std::max(std::abs(value), middle) / middle;
    const double share = std::min(1.0, std::log(magnitude) / std::log(high / middle));
    return 0.5 + std::copysign(share, value) / 2;
  }
  if (low == high) return value < low ? 0 : 1;
  const auto place = [this](double v) {
    return logarithmic ? std::log(std::max(v, std::min(low, high))) : v;
  };
  const double t = (place(value) - place(low)) / (place(high) - place(low));
  return std::clamp(t, 0.0, 1.0);
}

Rgb ColorScale::color(double value) const {
  if (std::isnan(value)) return missing;
  return palette_color(palette, static_cast<float>(position(value)));
}

}  // namespace headscope::figure
