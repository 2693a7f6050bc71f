#include "core/analysis/map_groups.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace headscope {
namespace {

constexpr float kNothing = std::numeric_limits<float>::quiet_NaN();

// Sums, or largest values, of one row by group of keys, with the number of keys in each.
struct RowSums {
  std::vector<double> value;
  std::vector<std::int64_t> pairs;

  explicit RowSums(std::int64_t groups)
      : value(static_cast<std::size_t>(groups)), pairs(static_cast<std::size_t>(groups)) {}

  void add(std::span<const float> row, std::span<const std::int32_t> group, bool largest) {
    for (std::size_t j = 0; j < row.size(); ++j) {
      if (group[j] < 0) continue;
      const auto h = static_cast<std::size_t>(group[j]);
      const double a = row[j];
      value[h] = largest ? (pairs[h] == 0 ? a : std::max(value[h], a)) : value[h] + a;
      ++pairs[h];
    }
  }
};

// Groups that each cell of an overview touches, one after the other.
struct CellGroups {
  std::vector<std::int32_t> groups;
  std::vector<std::size_t> first;  // of each cell, and the end

  CellGroups(std::int64_t cells, std::int64_t cell, std::int64_t tokens, const AxisGroups& axis) {
    for (std::int64_t c = 0; c < cells; ++c) {
      first.push_back(groups.size());
      const auto begin = static_cast<std::size_t>(c * cell);
      const auto end = static_cast<std::size_t>(std::min(tokens, (c + 1) * cell));
      for (std::size_t t = begin; t < std::min(end, axis.of.size()); ++t) {
        const auto seen = groups.begin() + static_cast<std::ptrdiff_t>(first.back());
        if (axis.of[t] >= 0 && std::find(seen, groups.end(), axis.of[t]) == groups.end())
          groups.push_back(axis.of[t]);
      }
    }
    first.push_back(groups.size());
  }
  std::span<const std::int32_t> of(std::int64_t cell) const {
    const auto c = static_cast<std::size_t>(cell);
    return std::span(groups).subspan(first[c], first[c + 1] - first[c]);
  }
};

}  // namespace

std::int64_t MapRows::visible(std::int64_t row) const {
  return std::clamp<std::int64_t>(first_row + row + 1, 0, columns);
}

std::vector<float> group_map(const MapRows& map, const AxisGroups& row_groups,
                             const AxisGroups& column_groups, Pooling pooling) {
  const auto keys = static_cast<std::size_t>(column_groups.count);
  std::vector<RowSums> sums(static_cast<std::size_t>(row_groups.count),
                            RowSums(column_groups.count));
  std::vector<std::int64_t> rows_of(sums.size(), 0);
  for (std::int64_t i = 0; i < map.rows; ++i) {
    const std::int32_t g = row_groups.of[static_cast<std::size_t>(i)];
    if (g < 0) continue;
    ++rows_of[static_cast<std::size_t>(g)];
    const auto seen = static_cast<std::size_t>(map.visible(i));
    sums[static_cast<std::size_t>(g)].add({map.values + i * map.columns, seen},
                                          column_groups.of.first(seen), pooling == Pooling::max);
  }
  std::vector<float> cells(sums.size() * keys, kNothing);
  for (std::size_t g = 0; g < sums.size(); ++g) {
    for (std::size_t h = 0; h < keys; ++h) {
      if (sums[g].pairs[h] == 0) continue;
      double value = sums[g].value[h];
      if (pooling == Pooling::sum) value /= static_cast<double>(rows_of[g]);
      if (pooling == Pooling::mean) value /= static_cast<double>(sums[g].pairs[h]);
      cells[g * keys + h] = static_cast<float>(value);
    }
  }
  return cells;
}

std::vector<float> group_overview(const MapRows& map, std::int64_t cell, std::int64_t tokens,
                                  const AxisGroups& row_groups, const AxisGroups& column_groups) {
  const auto keys = static_cast<std::size_t>(column_groups.count);
  std::vector<float> cells(static_cast<std::size_t>(row_groups.count) * keys, kNothing);
  const CellGroups rows(map.rows, cell, tokens, row_groups),
      columns(map.columns, cell, tokens, column_groups);
  for (std::int64_t i = 0; i < map.rows; ++i) {
    for (std::int64_t j = 0; j < map.visible(i); ++j) {
      const float a = map.values[i * map.columns + j];
      for (const std::int32_t g : rows.of(i)) {
        for (const std::int32_t h : columns.of(j)) {
          float& value = cells[static_cast<std::size_t>(g) * keys + static_cast<std::size_t>(h)];
          if (std::isnan(value) || a > value) value = a;
        }
      }
    }
  }
  return cells;
}

}  // namespace headscope
