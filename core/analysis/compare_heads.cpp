#include "core/analysis/compare_heads.h"

#include <algorithm>
#include <boost/math/distributions/hypergeometric.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "core/analysis/statistics.h"

namespace headscope {
namespace {

constexpr std::size_t mover_ranks = 100;

std::size_t distance(const Mover& mover) {
  return std::max(mover.rank_a, mover.rank_b) - std::min(mover.rank_a, mover.rank_b);
}

std::size_t heads_named(const std::vector<HeadId>& a, const std::vector<HeadId>& b) {
  std::set<HeadId> all(a.begin(), a.end());
  all.insert(b.begin(), b.end());
  return all.size();
}

/// Two-sided p of Kendall's tau of n pairs without ties.
double kendall_p_value(double tau, std::size_t pairs) {
  const auto n = static_cast<double>(pairs);
  if (pairs < 3 || std::isnan(tau)) return std::numeric_limits<double>::quiet_NaN();
  const double z = 3 * tau * std::sqrt(n * (n - 1)) / std::sqrt(2 * (2 * n + 5));
  return std::erfc(std::abs(z) / std::sqrt(2.0));
}

}  // namespace

OverlapAt overlap_at(const std::vector<HeadId>& a, const std::vector<HeadId>& b, std::size_t k,
                     std::size_t universe) {
  OverlapAt overlap{k, 0, top_k_jaccard(a, b, k), 0, 1};
  const std::set<HeadId> first(a.begin(),
                               a.begin() + static_cast<std::ptrdiff_t>(std::min(k, a.size())));
  for (std::size_t rank = 0; rank < std::min(k, b.size()); ++rank)
    overlap.common += first.contains(b[rank]) ? 1 : 0;
  if (k == 0 || k >= universe) {
    overlap.expected = 1;
    return overlap;
  }
  const auto size = static_cast<unsigned>(k);
  const boost::math::hypergeometric_distribution<double> chance(size, size,
                                                                static_cast<unsigned>(universe));
  const std::size_t least = 2 * k > universe ? 2 * k - universe : 0;
  overlap.p = 0;
  for (std::size_t common = least; common <= k; ++common) {
    const double weight = boost::math::pdf(chance, static_cast<double>(common));
    overlap.expected += weight * static_cast<double>(common) / static_cast<double>(2 * k - common);
    if (common >= overlap.common) overlap.p += weight;
  }
  overlap.p = std::min(1.0, overlap.p);
  return overlap;
}

HeadComparison compare_rankings(const std::vector<HeadId>& a, const std::vector<HeadId>& b,
                                std::size_t universe, std::size_t max_movers) {
  HeadComparison comparison;
  comparison.universe = std::max(universe, heads_named(a, b));
  for (const std::size_t k : {1u, 5u, 10u, 20u, 30u, 50u, 100u}) {
    if (k <= std::min(a.size(), b.size()))
      comparison.overlap.push_back(overlap_at(a, b, k, comparison.universe));
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
  comparison.kendall_p = kendall_p_value(comparison.kendall, comparison.common);
  comparison.spearman = spearman(ranks_a, ranks_b);
  std::sort(comparison.movers.begin(), comparison.movers.end(), [](const Mover& x, const Mover& y) {
    return distance(x) != distance(y) ? distance(x) > distance(y) : x.head < y.head;
  });
  comparison.movers.resize(std::min(comparison.movers.size(), max_movers));
  return comparison;
}

}  // namespace headscope
