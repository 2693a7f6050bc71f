// From a value to its colour.
#pragma once

#include "core/figure/colour_maps.h"

namespace headscope::figure {

/// `low` has the palette's first colour, `high` its last; values beyond are clamped, NaN is
/// `missing`. `high` may be below `low` (ranks). A logarithmic scale needs both above 0.
struct ColorScale {
  Palette palette = Palette::viridis;
  double low = 0, high = 1;
  bool logarithmic = false;
  Rgb missing{0.8f, 0.8f, 0.8f};

  /// Place of `value` between the ends, in [0,1].
  double position(double value) const;
  Rgb color(double value) const;
};

}  // namespace headscope::figure
