#include "core/analysis/row_metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace headscope {
namespace {

// p ln p, with its limit at 0.
double weighted_log(float p) {
  return p > 0 ? static_cast<double>(p * std::log(p)) : 0.0;
}

}  // namespace

RowMetrics row_metrics(std::span<const float> weights, std::int64_t position) {
  RowMetrics row;
  double mass = 0, place = 0;
  for (std::size_t j = 0; j < weights.size(); ++j) {
    const float p = weights[j];
    row.entropy -= weighted_log(p);
    mass += static_cast<double>(p);
    place += static_cast<double>(p) * static_cast<double>(j);
  }
  row.distance = mass * static_cast<double>(position) - place;
  return row;
}

RowMetrics mean_row_metrics(std::span<const float> block, TokenRange rows, std::int64_t keys) {
  const auto width = static_cast<std::size_t>(keys);
  const auto count = static_cast<std::size_t>(rows.size());
  if (count == 0 || width == 0 || block.size() < count * width) {
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    return {none, none};
  }
  RowMetrics mean;
  for (std::size_t r = 0; r < count; ++r) {
    const RowMetrics row =
        row_metrics(block.subspan(r * width, width), rows.begin + static_cast<std::int64_t>(r));
    mean.entropy += row.entropy;
    mean.distance += row.distance;
  }
  mean.entropy /= static_cast<double>(count);
  mean.distance /= static_cast<double>(count);
  return mean;
}

HeadSpread head_spread(std::span<const float> weights, std::size_t heads, TokenRange captured,
                       TokenRange used, std::int64_t keys) {
  HeadSpread spread;
  const auto block = static_cast<std::size_t>(captured.size() * keys);
  const auto first = static_cast<std::size_t>(used.begin * keys);
  const TokenRange positions{captured.begin + used.begin, captured.begin + used.end};
  for (std::size_t i = 0; i < heads; ++i) {
    const bool inside = used.begin >= 0 && used.end <= captured.size() && used.size() > 0 &&
                        weights.size() >= (i + 1) * block;
    const RowMetrics mean = mean_row_metrics(
        inside ? weights.subspan(i * block + first) : std::span<const float>(), positions, keys);
    spread.entropy.push_back(static_cast<float>(mean.entropy));
    spread.distance.push_back(static_cast<float>(mean.distance));
  }
  return spread;
}

double jensen_shannon_similarity(std::span<const float> p, std::span<const float> q) {
  double divergence = 0;
  for (std::size_t j = 0; j < std::min(p.size(), q.size()); ++j) {
    divergence +=
        0.5 * (weighted_log(p[j]) + weighted_log(q[j])) - weighted_log(0.5f * (p[j] + q[j]));
  }
  return std::clamp(1.0 - divergence / std::numbers::ln2, 0.0, 1.0);
}

}  // namespace headscope
