#include "core/bench/measure.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "core/analysis/statistics.h"

namespace headscope::bench {
namespace {

// Adds whether `value` is as good as it should be.
void judge(Json& result, double value, const std::optional<Goal>& goal) {
  if (!goal) return;
  const bool low = goal->kind == Goal::Kind::at_most;
  char limit[32];
  std::snprintf(limit, sizeof limit, "%g", goal->limit);
  result["goal"] = std::string(low ? "at most " : "at least ") + limit;
  result["met"] = low ? value <= goal->limit : value >= goal->limit;
}

}  // namespace

Json spread(const std::vector<double>& values) {
  if (values.empty()) return nullptr;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {{"median", quantile(values, 0.5)}, {"low", *low}, {"high", *high}, {"all", values}};
}

Json quantiles(const std::vector<double>& values, const char* count) {
  if (values.empty()) return nullptr;
  return {{"median", quantile(values, 0.5)},
          {"p99", quantile(values, 0.99)},
          {"largest", *std::max_element(values.begin(), values.end())},
          {count, values.size()}};
}

Json paired_ratio(const std::vector<double>& above, const std::vector<double>& below,
                  const std::string& what, const std::optional<Goal>& goal) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(above.size(), below.size()); ++i) {
    if (below[i] > 0) ratios.push_back(above[i] / below[i]);
  }
  Json result = spread(ratios);
  if (result.is_null()) return result;
  const auto least = [](const std::vector<double>& values) {
    return *std::min_element(values.begin(), values.end());
  };
  result["of_least"] = least(above) / least(below);
  result["what"] = what;
  judge(result, result["median"], goal);
  return result;
}

Json figure(double value, const std::string& what, const std::optional<Goal>& goal) {
  Json result = {{"value", value}, {"what", what}};
  judge(result, value, goal);
  return result;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (a.size() != b.size()) return infinity;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!std::isfinite(difference)) return infinity;
    largest = std::max(largest, difference);
  }
  return largest;
}

}  // namespace headscope::bench
