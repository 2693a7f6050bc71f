#include "core/analysis/map_statistics.h"

#include <algorithm>
#include <cmath>

namespace headscope {
namespace {

// Quantile by rank: values[floor(q * (n - 1) + 0.5)] of the sorted values. Reorders them.
float quantile_of(std::vector<float>& values, double q) {
  const auto rank = static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), values.begin() + rank, values.end());
  return values[static_cast<std::size_t>(rank)];
}

float value_of(const MapRows& map, std::int64_t row, std::int64_t column) {
  return row < map.rows && column < map.columns ? map.values[row * map.columns + column] : 0;
}

}  // namespace

std::optional<MapStatistics> map_statistics(const MapRows& map, const MapRows& baseline,
                                            std::int64_t left_out, double clip,
                                            const std::function<bool()>& is_stale) {
  MapStatistics found;
  found.rows.resize(static_cast<std::size_t>(map.rows));
  const bool difference = baseline.values != nullptr;
  std::vector<float> all;
  for (std::int64_t i = 0; i < map.rows; ++i) {
    if (is_stale && is_stale()) return std::nullopt;
    RowStatistics& row = found.rows[static_cast<std::size_t>(i)];
    double sum = 0;
    for (std::int64_t j = 0; j < map.visible(i); ++j) {
      float v = map.values[i * map.columns + j];
      if (difference) v -= value_of(baseline, i, j);
      if (std::isnan(v)) continue;
      sum += v;
      if (j < left_out) continue;
      if (std::abs(v) > row.largest || row.at < 0) {
        row.largest = std::abs(v);
        row.at = static_cast<std::int32_t>(j);
      }
      if (clip < 1) all.push_back(difference ? std::abs(v) : v);
    }
    row.sum = static_cast<float>(sum);
    found.largest = std::max(found.largest, row.largest);
  }
  found.clip_high = found.largest;
  if (all.empty()) return found;
  found.clip_high = quantile_of(all, clip);
  found.clip_low = difference ? 0 : quantile_of(all, 1 - clip);
  return found;
}

}  // namespace headscope
