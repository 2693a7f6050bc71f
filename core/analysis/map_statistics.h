// What the colours of an attention map go by: how large its weights are, over all and by row.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "core/analysis/map_groups.h"

namespace headscope {

/// Where a row's largest weight is, and what its weights add up to.
struct RowStatistics {
  float largest = 0;  ///< magnitude
  std::int32_t at = -1;
  float sum = 0;
};

/// Of the pairs that are visible and not left out.
struct MapStatistics {
  float largest = 0;                  ///< magnitude
  float clip_low = 0, clip_high = 0;  ///< quantiles 1 - clip and clip; difference: 0 and that of
                                      ///< magnitudes
  std::vector<RowStatistics> rows;
};

/// Statistics of `map`, or of `map` - `baseline` where there is one (it may be smaller: what is
/// missing counts as 0). The first `left_out` columns count in rows' sums only. `clip` in (0.5, 1];
/// 1: largest and smallest. NaN is skipped. Nothing once `is_stale` (may be empty; asked before
/// every row) says so.
std::optional<MapStatistics> map_statistics(const MapRows& map, const MapRows& baseline,
                                            std::int64_t left_out, double clip,
                                            const std::function<bool()>& is_stale = {});

}  // namespace headscope
