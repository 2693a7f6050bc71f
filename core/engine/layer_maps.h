// Small pictures of every head of one layer, made once: their size does not depend on the prompt's
// length, so that drawing them costs the same at any.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "core/engine/snapshot.h"

namespace headscope {

/// What a picture's columns are.
enum class LayerColumns { tokens, documents };

/// Pictures of all heads of a layer, one below the other. A cell holds the weight of the largest
/// magnitude among those it stands for.
struct LayerMaps {
  int layer = 0, heads = 0;
  LayerColumns kind = LayerColumns::tokens;
  std::int64_t run_rows = 0, run_columns = 0;  ///< of the run; columns: keys, or key sets
  std::int64_t rows = 0, columns = 0;          ///< cells of one head's picture
  std::vector<float> values;                   ///< [heads * rows, columns]; difference: with sign
  std::vector<float> zeros;                    ///< as many zeros where it is a difference
  float largest = 0;                           ///< magnitude

  /// A cell of one head's picture.
  float at(int head, std::int64_t row, std::int64_t column) const {
    return values[static_cast<std::size_t>((head * rows + row) * columns + column)];
  }
  /// Rows or columns of the run that a cell stands for.
  TokenRange rows_of(std::int64_t row) const {
    return {row * run_rows / rows, (row + 1) * run_rows / rows};
  }
  TokenRange columns_of(std::int64_t column) const {  ///< keys
    return {column * run_columns / columns, (column + 1) * run_columns / columns};
  }
};
/// Which small pictures of a layer's heads are wanted.
struct LayerQuestion {
  int layer = 0;
  LayerColumns kind = LayerColumns::tokens;
  std::int64_t most_rows = 48, most_columns = 256;  ///< cells of one picture
  friend bool operator==(const LayerQuestion&, const LayerQuestion&) = default;
};

/// Of `run`, or run - baseline where that is given: a weight that only one of them has counts as 0
/// in the other. Nothing without rows (LayerColumns::tokens: kept ones), for a layer that the run
/// does not have, or once `is_stale` (may be empty; asked before every head) says so.
std::optional<LayerMaps> layer_maps(const RunResult& run, const RunResult* baseline,
                                    const LayerQuestion& question,
                                    const std::function<bool()>& is_stale = {});

}  // namespace headscope
