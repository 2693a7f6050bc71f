#include "core/analysis/statistics.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

#include "core/base/rng.h"

namespace headscope {
namespace {

constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

bool comparable(std::span<const double> x, std::span<const double> y) {
  const auto is_nan = [](double value) { return std::isnan(value); };
  return x.size() == y.size() && x.size() >= 2 && std::none_of(x.begin(), x.end(), is_nan) &&
         std::none_of(y.begin(), y.end(), is_nan);
}

/// Sum over groups of equal neighbours of g (g - 1) / 2.
template <class Equal>
double tied_pairs(std::size_t n, Equal equal) {
  double pairs = 0;
  for (std::size_t begin = 0; begin < n;) {
    std::size_t end = begin + 1;
    while (end < n && equal(begin, end)) ++end;
    const auto group = static_cast<double>(end - begin);
    pairs += group * (group - 1) / 2;
    begin = end;
  }
  return pairs;
}

/// Sorts by merging and returns the number of exchanges of neighbours that takes.
double count_inversions(std::vector<double>& values, std::vector<double>& scratch,
                        std::size_t begin, std::size_t end) {
  if (end - begin < 2) return 0;
  const std::size_t middle = begin + (end - begin) / 2;
  double inversions = count_inversions(values, scratch, begin, middle) +
                      count_inversions(values, scratch, middle, end);
  std::size_t left = begin, right = middle;
  for (std::size_t out = begin; out < end; ++out) {
    const bool take_right = left == middle || (right < end && values[right] < values[left]);
    if (take_right) inversions += static_cast<double>(middle - left);
    scratch[out] = values[take_right ? right++ : left++];
  }
  std::copy(scratch.begin() + static_cast<std::ptrdiff_t>(begin),
            scratch.begin() + static_cast<std::ptrdiff_t>(end),
            values.begin() + static_cast<std::ptrdiff_t>(begin));
  return inversions;
}

/// Ranks from 1; equal values share the mean of their ranks.
std::vector<double> mid_ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double rank = static_cast<double>(begin + end + 1) / 2;
    for (std::size_t i = begin; i < end; ++i) ranks[order[i]] = rank;
    begin = end;
  }
  return ranks;
}

double correlation(std::span<const double> x, std::span<const double> y) {
  const double mean_x = mean(x), mean_y = mean(y);
  double xy = 0, xx = 0, yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean_x) * (y[i] - mean_y);
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : undefined;
}

bool valid_confidence(double confidence) {
  return confidence > 0 && confidence < 1;
}

/// Mean of as many values, drawn with replacement.
double mean_of_draw(std::span<const double> values, Rng& rng) {
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    sum += values[static_cast<std::size_t>(rng.below(values.size()))];
  return sum / static_cast<double>(values.size());
}

}  // namespace

double mean(std::span<const double> values) {
  if (values.empty()) return undefined;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double quantile(std::span<const double> values, double fraction) {
  if (values.empty() || std::isnan(fraction)) return undefined;
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const double at = std::clamp(fraction, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const auto above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], at - static_cast<double>(below));
}

Interval wilson_interval(std::int64_t successes, std::int64_t n, double confidence) {
  const bool valid = n > 0 && successes >= 0 && successes <= n && valid_confidence(confidence);
  if (!valid) return {undefined, undefined};
  const double z = boost::math::quantile(boost::math::normal(), 0.5 + confidence / 2);
  const auto count = static_cast<double>(n);
  const double p = static_cast<double>(successes) / count;
  const double scale = 1 + z * z / count;
  const double centre = (p + z * z / (2 * count)) / scale;
  const double half = z / scale * std::sqrt(p * (1 - p) / count + z * z / (4 * count * count));
  // Rounding must not push the ends of 0/n and n/n out of what is possible.
  return {successes == 0 ? 0 : std::max(0.0, centre - half),
          successes == n ? 1 : std::min(1.0, centre + half)};
}

Interval bootstrap_mean_interval(std::span<const double> values, std::uint64_t seed, int draws,
                                 double confidence) {
  if (values.empty() || draws <= 0 || !valid_confidence(confidence)) return {undefined, undefined};
  Rng rng(seed);
  std::vector<double> means;
  for (int draw = 0; draw < draws; ++draw) means.push_back(mean_of_draw(values, rng));
  return {quantile(means, (1 - confidence) / 2), quantile(means, (1 + confidence) / 2)};
}

Interval bootstrap_ratio_interval(std::span<const double> x, std::span<const double> y,
                                  std::uint64_t seed, int draws, double confidence) {
  const bool valid =
      !x.empty() && x.size() == y.size() && draws > 0 && valid_confidence(confidence);
  if (!valid) return {undefined, undefined};
  Rng rng(seed);
  std::vector<double> ratios;
  for (int draw = 0; draw < draws; ++draw) {
    double above = 0, below = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto drawn = static_cast<std::size_t>(rng.below(x.size()));
      above += x[drawn];
      below += y[drawn];
    }
    if (below == 0) return {undefined, undefined};
    ratios.push_back(above / below);
  }
  return {quantile(ratios, (1 - confidence) / 2), quantile(ratios, (1 + confidence) / 2)};
}

Interval bootstrap_difference_interval(std::span<const double> x, std::span<const double> y,
                                       std::uint64_t seed, int draws, double confidence) {
  const bool valid = !x.empty() && !y.empty() && draws > 0 && valid_confidence(confidence);
  if (!valid) return {undefined, undefined};
  Rng rng(seed);
  std::vector<double> differences;
  for (int draw = 0; draw < draws; ++draw) {
    const double first = mean_of_draw(x, rng);
    differences.push_back(first - mean_of_draw(y, rng));
  }
  return {quantile(differences, (1 - confidence) / 2), quantile(differences, (1 + confidence) / 2)};
}

double mcnemar_exact(std::int64_t only_first, std::int64_t only_second) {
  if (only_first < 0 || only_second < 0) return undefined;
  const auto n = only_first + only_second;
  if (n == 0) return 1;
  const boost::math::binomial distribution(static_cast<double>(n), 0.5);
  const auto fewer = static_cast<double>(std::min(only_first, only_second));
  return std::min(1.0, 2 * boost::math::cdf(distribution, fewer));
}

Interval newcombe_paired_interval(const PairCounts& c, double confidence) {
  const std::int64_t n = c.both + c.only_first + c.only_second + c.neither;
  const std::int64_t first = c.both + c.only_first, second = c.both + c.only_second;
  const Interval a = wilson_interval(first, n, confidence);
  const Interval b = wilson_interval(second, n, confidence);
  if (std::isnan(a.low)) return a;
  const auto count = static_cast<double>(n);
  const double pa = static_cast<double>(first) / count, pb = static_cast<double>(second) / count;
  const double margins = static_cast<double>(first) * static_cast<double>(n - first) *
                         static_cast<double>(second) * static_cast<double>(n - second);
  const double cross = static_cast<double>(c.both) * static_cast<double>(c.neither) -
                       static_cast<double>(c.only_first) * static_cast<double>(c.only_second);
  const double kept = cross < 0 ? cross : std::max(0.0, cross - count / 2);
  const double phi = margins > 0 ? kept / std::sqrt(margins) : 0;
  const auto reach = [phi](double x, double y) {
    return std::sqrt(std::max(0.0, x * x - 2 * phi * x * y + y * y));
  };
  return {pa - pb - reach(pa - a.low, b.high - pb), pa - pb + reach(a.high - pa, pb - b.low)};
}

double sign_flip_exact(std::span<const std::int64_t> differences) {
  std::int64_t sum = 0, reach = 0;
  for (const std::int64_t d : differences) {
    sum += d;
    reach += std::abs(d);
  }
  // Distribution of the sum over all signs, sum s at index s + reach.
  std::vector<double> share(static_cast<std::size_t>(2 * reach + 1), 0.0);
  share[static_cast<std::size_t>(reach)] = 1;
  for (const std::int64_t d : differences) {
    const auto step = static_cast<std::size_t>(std::abs(d));
    if (step == 0) continue;
    std::vector<double> next(share.size(), 0.0);
    for (std::size_t i = step; i + step < share.size(); ++i) {
      next[i - step] += share[i] / 2;
      next[i + step] += share[i] / 2;
    }
    share = std::move(next);
  }
  double p = 0;
  for (std::size_t i = 0; i < share.size(); ++i) {
    const std::int64_t at = static_cast<std::int64_t>(i) - reach;
    if (std::abs(at) >= std::abs(sum)) p += share[i];
  }
  return std::min(1.0, p);
}

std::vector<double> holm_adjusted(std::span<const double> p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size());
  double largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const double factor = static_cast<double>(order.size() - i);
    largest = std::max(largest, std::min(1.0, factor * p_values[order[i]]));
    adjusted[order[i]] = largest;
  }
  return adjusted;
}

double top_k_jaccard(std::span<const HeadId> a, std::span<const HeadId> b, std::size_t k) {
  const auto first = [k](std::span<const HeadId> heads) {
    const auto top = heads.first(std::min(k, heads.size()));
    return std::set<HeadId>(top.begin(), top.end());
  };
  const auto top_a = first(a), top_b = first(b);
  std::size_t common = 0;
  for (const auto head : top_a) common += top_b.contains(head) ? 1 : 0;
  const auto all = top_a.size() + top_b.size() - common;
  return all == 0 ? undefined : static_cast<double>(common) / static_cast<double>(all);
}

double kendall_tau(std::span<const double> x, std::span<const double> y) {
  if (!comparable(x, y)) return undefined;
  const std::size_t n = x.size();
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return x[a] != x[b] ? x[a] < x[b] : y[a] < y[b]; });
  std::vector<double> in_order;
  in_order.reserve(n);
  for (const auto i : order) in_order.push_back(y[i]);
  const auto same_x = [&](std::size_t a, std::size_t b) { return x[order[a]] == x[order[b]]; };
  const double ties_x = tied_pairs(n, same_x);
  const double ties_both = tied_pairs(
      n, [&](std::size_t a, std::size_t b) { return same_x(a, b) && y[order[a]] == y[order[b]]; });
  std::vector<double> scratch(n);
  const double discordant = count_inversions(in_order, scratch, 0, n);
  const double ties_y =
      tied_pairs(n, [&](std::size_t a, std::size_t b) { return in_order[a] == in_order[b]; });
  const double pairs = static_cast<double>(n) * static_cast<double>(n - 1) / 2;
  const double scale = std::sqrt((pairs - ties_x) * (pairs - ties_y));
  // Knight 1966: concordant - discordant = pairs - ties + common ties - 2 * exchanges.
  return scale > 0 ? (pairs - ties_x - ties_y + ties_both - 2 * discordant) / scale : undefined;
}

double spearman(std::span<const double> x, std::span<const double> y) {
  if (!comparable(x, y)) return undefined;
  return correlation(mid_ranks(x), mid_ranks(y));
}

double pearson(std::span<const double> x, std::span<const double> y) {
  return comparable(x, y) ? correlation(x, y) : undefined;
}

}  // namespace headscope
