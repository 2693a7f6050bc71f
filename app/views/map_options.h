// How the attention map is shown.
#pragma once

#include "core/analysis/pooling.h"
#include "core/engine/prompt_groups.h"

namespace headscope {

/// Where the ends of the colour scale come from.
enum class MapRange {
  automatic,   ///< logarithmic: 1e-4 to 1; linear: 0 to the largest weight, rounded up
  percentile,  ///< without the largest (and, logarithmic, the smallest) weights
  manual,
};

/// Beside ViewOptions::map_logarithmic. None of this reaches the engine.
struct MapOptions {
  bool per_row = false;    ///< every row by its own largest weight; linear
  bool mask_sink = false;  ///< tokens 0 and 1 are not drawn and do not set the scale
  TokenGrouping grouping = TokenGrouping::none;
  Pooling pooling = Pooling::sum;  ///< of a group's weights
  MapRange range = MapRange::automatic;
  double percentile = 99.5;        ///< in percent
  float low = 1e-4f, high = 1.0f;  ///< by hand
  friend bool operator==(const MapOptions&, const MapOptions&) = default;
};

}  // namespace headscope
