// What is worked out of a map beside the window's thread: groups, and what its colours go by.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "app/render/heatmap.h"
#include "core/analysis/map_statistics.h"
#include "core/engine/latest_worker.h"
#include "core/engine/prompt_groups.h"

namespace headscope {

/// A map and what is wanted of it.
struct DigestJob {
  HeatmapData shown, baseline;  ///< baseline empty: there is none
  std::shared_ptr<const PromptView> prompt;
  std::int64_t response_tokens = 0;
  std::int64_t tokens = 0;     ///< keys of the map
  std::int64_t cell = 1;       ///< tokens a cell is the largest weight of
  std::int64_t first_row = 0;  ///< position of row 0
  bool full = false;           ///< rows are all tokens: they are grouped too
  bool difference = false;
  TokenGrouping grouping = TokenGrouping::none;
  Pooling pooling = Pooling::sum;
  bool mask_sink = false;
  double clip = 1;  ///< quantile of the scale's end
  /// Of a pooled map, whole and by groups; null: not there, the overview has to do.
  std::shared_ptr<const GroupedMap> groups, groups_baseline;
  friend bool operator==(const DigestJob&, const DigestJob&) = default;

  /// Small enough to be done within a frame.
  bool is_cheap() const;
  /// Leading columns that are hidden: of tokens or cells, or the sink's group.
  std::int64_t left_out() const;
};

struct MapDigest {
  PromptGroups groups;          ///< empty when nothing is grouped
  HeatmapData shown, baseline;  ///< the maps of groups; empty when nothing is grouped
  bool overview = false;        ///< groups are of the overview: the largest weights of its cells
  MapStatistics statistics;     ///< of what is shown
  float largest = 0;            ///< of it and of the baseline: the scale does not jump between them
  HeatmapData row_scale;        ///< largest magnitude of each row shown
};

/// Nothing once `is_stale` says so.
std::optional<MapDigest> digest(const DigestJob& job, const std::function<bool()>& is_stale);

}  // namespace headscope
