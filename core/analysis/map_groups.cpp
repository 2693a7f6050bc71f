#include "core/analysis/map_groups.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace headscope {
namespace {

constexpr float kNothing = std::numeric_limits<float>::quiet_NaN();

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

MapGrouper::MapGrouper(const AxisGroups& row_groups, const AxisGroups& column_groups)
    : row_groups_(row_groups),
      column_groups_(column_groups),
      cells_(static_cast<std::size_t>(row_groups.count * column_groups.count)),
      rows_(static_cast<std::size_t>(row_groups.count)) {}

void MapGrouper::add(const MapRows& tile, std::int64_t row, std::int64_t column) {
  const std::int32_t* group = column_groups_.of.data() + column;
  for (std::int64_t i = 0; i < tile.rows; ++i) {
    const std::int32_t g = row_groups_.of[static_cast<std::size_t>(row + i)];
    if (g < 0) continue;
    if (column == 0) ++rows_[static_cast<std::size_t>(g)];
    Cell* cells = cells_.data() + g * column_groups_.count;
    const float* weights = tile.values + i * tile.columns;
    for (std::int64_t j = 0; j < tile.visible(i); ++j) {
      if (group[j] < 0) continue;
      Cell& cell = cells[group[j]];
      cell.largest = cell.pairs == 0 ? weights[j] : std::max(cell.largest, weights[j]);
      cell.sum += double{weights[j]};
      ++cell.pairs;
    }
  }
}

std::vector<float> MapGrouper::cells(Pooling pooling) const {
  std::vector<float> values(cells_.size(), kNothing);
  for (std::size_t at = 0; at < cells_.size(); ++at) {
    const Cell& cell = cells_[at];
    if (cell.pairs == 0) continue;
    const auto g = at / static_cast<std::size_t>(column_groups_.count);
    if (pooling == Pooling::max) values[at] = cell.largest;
    if (pooling == Pooling::sum)
      values[at] = static_cast<float>(cell.sum / static_cast<double>(rows_[g]));
    if (pooling == Pooling::mean)
      values[at] = static_cast<float>(cell.sum / static_cast<double>(cell.pairs));
  }
  return values;
}

std::vector<float> group_map(const MapRows& map, const AxisGroups& row_groups,
                             const AxisGroups& column_groups, Pooling pooling) {
  MapGrouper grouper(row_groups, column_groups);
  grouper.add(map, 0, 0);
  return grouper.cells(pooling);
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
