// From a value to its colour.
#pragma once

#include "core/figure/colour_maps.h"

namespace headscope::figure {

/// `low` has the palette's first colour, `high` its last; values beyond are clamped, NaN is
/// `missing`. `high` may be below `low` (ranks). A logarithmic scale needs both above 0, or a
/// `middle`: then it is logarithmic in both directions from there to `high`, and `low` is -`high`.
struct ColorScale {
  Palette palette = Palette::viridis;
  double low = 0, high = 1;
  bool logarithmic = false;
  Rgb missing{0.8f, 0.8f, 0.8f};
  double middle = 0;  ///< of a logarithmic scale of differences: smaller ones have no colour

  bool both_ways() const { return logarithmic && middle > 0; }

  /// Place of `value` between the ends, in [0,1].
  double position(double value) const;
  Rgb color(double value) const;  ///< of that place
};

}  // namespace headscope::figure
