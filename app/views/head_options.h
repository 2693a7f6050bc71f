// How the heads are listed and marked: part of the view options.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "core/base/types.h"

namespace headscope {

/// What the head map shows: masses of a run, the contextual score of the loaded head set, which
/// heads it has in common with another one, how a head spreads its attention, what the answer loses
/// without it, or how much it is like another head.
enum class MapScore {
  relevant,
  sink,
  irrelevant_sum,
  irrelevant_max,
  head_set,
  overlap,
  entropy,
  distance,
  drop,
  similar
};
inline constexpr int map_scores = 10;

/// Columns of the ranking.
enum class HeadColumn {
  rank,
  head,
  score,
  relevant,
  sink,
  irrelevant,
  change,
  entropy,
  distance,
  drop,
  similar
};
inline constexpr int head_columns = 11;

/// How the ranking is sorted, and which heads are kept in sight.
struct HeadListOptions {
  HeadColumn sort = HeadColumn::rank;
  bool descending = false;
  std::vector<HeadId> pinned;     ///< in the order in which they were pinned
  std::vector<HeadColumn> extra;  ///< columns that are shown beside the usual ones
  std::optional<HeadId> like;     ///< the head that others are compared with
  bool click_switches = false;    ///< a click on the head map switches heads on and off
  friend bool operator==(const HeadListOptions&, const HeadListOptions&) = default;

  bool is_pinned(HeadId head) const {
    return std::find(pinned.begin(), pinned.end(), head) != pinned.end();
  }
  void toggle_pin(HeadId head) {
    if (std::erase(pinned, head) == 0) pinned.push_back(head);
  }
};

}  // namespace headscope
