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

/// Overlap of the first k heads, and what two unrelated rankings would show: the number of common
/// heads is then hypergeometric.
struct OverlapAt {
  std::size_t k = 0;
  std::size_t common = 0;  ///< heads in both first k
  double jaccard = 0;
  double expected = 0;  ///< Jaccard of unrelated rankings, on average
  double p = 1;         ///< chance that they have at least as many heads in common
};
/// How far two rankings of a model's heads agree.
struct HeadComparison {
  std::vector<OverlapAt> overlap;
  std::size_t universe = 0;   ///< heads of the model, as far as is known
  std::size_t common = 0;     ///< heads in both rankings
  double kendall = 0;         ///< tau of the ranks of the common heads
  double kendall_p = 1;       ///< two-sided, normal approximation
  double spearman = 0;        ///< of the same
  std::vector<Mover> movers;  ///< largest change of rank first, ties by head
};

/// Overlap of the first `k` of two rankings of a model with `universe` heads.
OverlapAt overlap_at(const std::vector<HeadId>& a, const std::vector<HeadId>& b, std::size_t k,
                     std::size_t universe);

/// Compares at k = 1, 5, 10, 20, 30, 50, 100 as far as both rankings reach; at most `max_movers`
/// movers among the heads that are in the first 100 of either. `universe`: heads of the model, for
/// what chance would do; 0 = all that the rankings name.
HeadComparison compare_rankings(const std::vector<HeadId>& a, const std::vector<HeadId>& b,
                                std::size_t universe = 0, std::size_t max_movers = 20);

}  // namespace headscope
