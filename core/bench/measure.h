// Repeated measurements and what they say: medians, spreads, ratios of paired repetitions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace headscope::bench {

/// {"median","low","high","all":[...]}; low and high are the least and the largest. Null when
/// empty.
Json spread(const std::vector<double>& values);

/// {"median","p99","largest",COUNT: how many}. Null when empty.
Json quantiles(const std::vector<double>& values, const char* count = "count");

/// Wall time from `start` to now.
inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// What a ratio should be.
struct Goal {
  enum class Kind { at_least, at_most } kind = Kind::at_least;
  double limit = 0;
};

/// {"median","low","high","all","of_least","what"} of above[i] / below[i]: repetitions that ran
/// next to each other, so that a machine that slows down for a while slows both. With a goal also
/// "goal" (in words) and "met" (by the median). Only as many pairs as both have; null without any.
Json paired_ratio(const std::vector<double>& above, const std::vector<double>& below,
                  const std::string& what, const std::optional<Goal>& goal);

/// {"value","what"}, and with a goal "goal" and "met".
Json figure(double value, const std::string& what, const std::optional<Goal>& goal);

/// Largest |a - b|; infinity when the sizes differ or a number is not finite.
double largest_difference(const std::vector<float>& a, const std::vector<float>& b);

}  // namespace headscope::bench
