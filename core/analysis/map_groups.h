// An attention map whose rows and keys are groups of tokens: documents or sentences.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/analysis/pooling.h"

namespace headscope {

/// Weights of consecutive rows, row-major [rows, columns]: row i sees the keys j <= first_row + i.
/// Of all keys, first_row is the position of row 0; of keys from k on, that less k.
struct MapRows {
  const float* values = nullptr;
  std::int64_t rows = 0, columns = 0;
  std::int64_t first_row = 0;

  /// Number of keys that row i sees.
  std::int64_t visible(std::int64_t row) const;
};

/// Which group every item of an axis belongs to: numbers from 0 to count - 1; negative: to none,
/// which leaves it out.
struct AxisGroups {
  std::span<const std::int32_t> of;
  std::int64_t count = 0;
};

/// Pools a map that comes in tiles. Cell (g, h), [row_groups.count, column_groups.count], over the
/// pairs of a row i in g and a key j in h that i sees:
///   sum:  (1/|g|) sum_i sum_j a_ij, the mass that a row of g has on h, on average
///   mean: sum_i sum_j a_ij / number of pairs
///   max:  the largest a_ij
/// Not a number where there is no such pair. Sums are kept in double precision. `of` may be longer
/// than its axis, and must outlive the grouper.
class MapGrouper {
 public:
  MapGrouper(const AxisGroups& row_groups, const AxisGroups& column_groups);

  /// A tile whose first row and column are items `row` and `column` of the axes. Every row is
  /// counted by the tile that holds column 0.
  void add(const MapRows& tile, std::int64_t row, std::int64_t column);
  std::vector<float> cells(Pooling pooling) const;  ///< of the tiles added so far

 private:
  struct Cell {
    double sum = 0;
    float largest = 0;
    std::int64_t pairs = 0;
  };
  AxisGroups row_groups_, column_groups_;
  std::vector<Cell> cells_;
  std::vector<std::int64_t> rows_;  ///< in each group of rows
};

/// `MapGrouper` over a map that is there as a whole.
std::vector<float> group_map(const MapRows& map, const AxisGroups& row_groups,
                             const AxisGroups& column_groups, Pooling pooling);

/// The same where a cell of `map` is the largest of cell x cell weights of `tokens` tokens, and
/// groups are those of tokens: the largest weight of every cell that touches the group, hence at
/// least the group's own.
std::vector<float> group_overview(const MapRows& map, std::int64_t cell, std::int64_t tokens,
                                  const AxisGroups& row_groups, const AxisGroups& column_groups);

}  // namespace headscope
