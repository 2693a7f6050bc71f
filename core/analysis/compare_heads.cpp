#include "core/analysis/compare_heads.h"

#include <algorithm>
#include <map>

#include "core/analysis/statistics.h"

namespace headscope {
namespace {

constexpr std::size_t mover_ranks = 100;

std::size_t distance(const Mover& mover) {
  return std::max(mover.rank_a, mover.rank_b) - std::min(mover.rank_a, mover.rank_b);
}

}  // namespace

HeadComparison compare_rankings(const std::vector<HeadId>& a, const std::vector<HeadId>& b,
                                std::size_t max_movers) {
  HeadComparison comparison;
  for (const std::size_t k : {1u, 5u, 10u, 20u, 30u, 50u, 100u}) {
    if (k <= std::min(a.size(), b.size()))
      comparison.jaccard.push_back({k, top_k_jaccard(a, b, k)});
  }
  std::map<HeadId, std::size_t> rank_in_b;
  for (std::size_t rank = 0; rank < b.size(); ++rank) rank_in_b.emplace(b[rank], rank);
  std::vector<double> ranks_a, ranks_b;
  for (std::size_t rank = 0; rank < a.size(); ++rank) {
    const auto found = rank_in_b.find(a[rank]);
    if (found == rank_in_b.end()) continue;
    ranks_a.push_back(static_cast<double>(rank));
    ranks_b.push_back(static_cast<double>(found->second));
    const Mover mover{a[rank], rank, found->second};
    if (std::min(mover.rank_a, mover.rank_b) < mover_ranks && distance(mover) > 0)
      comparison.movers.push_back(mover);
  }
  comparison.common = ranks_a.size();
  comparison.kendall = kendall_tau(ranks_a, ranks_b);
  comparison.spearman = spearman(ranks_a, ranks_b);
  std::sort(comparison.movers.begin(), comparison.movers.end(), [](const Mover& x, const Mover& y) {
    return distance(x) != distance(y) ? distance(x) > distance(y) : x.head < y.head;
  });
  comparison.movers.resize(std::min(comparison.movers.size(), max_movers));
  return comparison;
}

}  // namespace headscope
