// Agreement of two head sets.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/types.h"

namespace headscope {

/// A head and its ranks (from 0) in two rankings.
struct Mover {
  HeadId head;
  std::size_t rank_a = 0, rank_b = 0;
};

struct HeadComparison {
  std::vector<std::pair<std::size_t, double>> jaccard;  ///< (k, overlap of the first k)
  std::size_t common = 0;                               ///< heads in both rankings
  double kendall = 0;                                   ///< tau of the ranks of the common heads
  double spearman = 0;                                  ///< of the same
  std::vector<Mover> movers;  ///< largest change of rank first, ties by head
};

/// Compares at k = 1, 5, 10, 20, 30, 50, 100 as far as both rankings reach; at most `max_movers`
/// movers among the heads that are in the first 100 of either.
HeadComparison compare_rankings(const std::vector<HeadId>& a, const std::vector<HeadId>& b,
                                std::size_t max_movers = 20);

}  // namespace headscope
