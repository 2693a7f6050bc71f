// Statistics of experiments: intervals, paired tests, agreement of rankings. Pure functions; what
// is not defined (no samples, no variation) is NaN.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/types.h"

namespace headscope {
/// Both ends belong to it.
struct Interval {
  double low = 0;
  double high = 0;
};
/// NaN without values.
double mean(std::span<const double> values);
/// The value below which `fraction` of the sorted copy lies, linear between neighbours (as numpy).
double quantile(std::span<const double> values, double fraction);

/// Wilson's score interval of a proportion.
Interval wilson_interval(std::int64_t successes, std::int64_t n, double confidence = 0.95);

/// Percentile bootstrap of the mean; same seed, same interval.
Interval bootstrap_mean_interval(std::span<const double> values, std::uint64_t seed = 0,
                                 int draws = 2000, double confidence = 0.95);

/// Percentile bootstrap of mean(x) / mean(y), drawn in pairs; same seed, same interval. NaN when
/// the sizes differ or a draw's mean of y is 0.
Interval bootstrap_ratio_interval(std::span<const double> x, std::span<const double> y,
                                  std::uint64_t seed = 0, int draws = 2000,
                                  double confidence = 0.95);

/// Percentile bootstrap of mean(x) - mean(y) of two independent groups, both drawn anew.
Interval bootstrap_difference_interval(std::span<const double> x, std::span<const double> y,
                                       std::uint64_t seed = 0, int draws = 2000,
                                       double confidence = 0.95);

/// Two-sided exact McNemar test of paired outcomes: p value from the pairs that differ, of which
/// `only_first` and `only_second` are the two directions. 1 when no pair differs.
double mcnemar_exact(std::int64_t only_first, std::int64_t only_second);

/// Counts of paired outcomes: both right, only the first, only the second, neither.
struct PairCounts {
  std::int64_t both = 0, only_first = 0, only_second = 0, neither = 0;
};

/// Interval of the difference of two paired proportions (first - second): Newcombe's square-and-add
/// of Wilson's limits with the continuity term in the correlation (Newcombe 1998, method 10), so
/// that an interval of pairs which all agree is not empty.
Interval newcombe_paired_interval(const PairCounts& counts, double confidence = 0.95);

/// Two-sided exact test of paired differences: the share of all 2^n choices of signs under which
/// |sum| is at least what it is. Whole numbers; of -1, 0 and 1 it is McNemar's exact test. 1 when
/// all are 0.
double sign_flip_exact(std::span<const std::int64_t> differences);

/// Holm's step-down adjustment of p values, in their order.
std::vector<double> holm_adjusted(std::span<const double> p_values);

/// |A n B| / |A u B| of the first k entries of two rankings (fewer when a ranking is shorter).
double top_k_jaccard(std::span<const HeadId> a, std::span<const HeadId> b, std::size_t k);

/// Kendall's tau-b (ties corrected) in O(n log n).
double kendall_tau(std::span<const double> x, std::span<const double> y);

/// Spearman's rho: Pearson's correlation of mid-ranks.
double spearman(std::span<const double> x, std::span<const double> y);

/// Pearson's correlation of the values themselves.
double pearson(std::span<const double> x, std::span<const double> y);

}  // namespace headscope
