// One head's T x T map without the matrix: its queries, its keys and each row's log-sum-exp are
// kept after one pass, and any tile follows from them. Torch-free.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/error.h"
#include "core/base/run_context.h"
#include "core/base/types.h"

namespace headscope {

/// Part of a map at one level, in that level's cells.
struct MapTile {
  int level = 0;
  std::int64_t row = 0, column = 0;    ///< of the first cell
  std::int64_t rows = 0, columns = 0;  ///< at most max_tile each
};

/// One row of a head in its parts, over the keys that it sees: weights are softmax(base + focus)
/// times exp(log_factor).
struct HeadRow {
  std::int64_t first_key = 0;
  std::vector<float> base;        ///< scale * q . k without what directions add; after a soft-cap
  std::vector<float> focus;       ///< what directions add to it
  std::vector<float> log_factor;  ///< ln of what moving mass multiplies by; 0 where nothing does
  std::vector<float> weights;     ///< after everything
};

/// Weights after every intervention. A cell of level n holds the largest of 2^n x 2^n weights, so
/// that single large weights stay visible from afar. Made by Model::head_map_source; holds tensors,
/// so it belongs to the compute thread.
class HeadMapSource {
 public:
  static constexpr std::int64_t max_tile = 4096;
  static constexpr std::int64_t max_overview = 2048;  ///< usual number of cells of the overview
  static constexpr std::int64_t rows_only = -1;       ///< as an overview: none, and no tiles

  struct Impl;
  explicit HeadMapSource(std::unique_ptr<Impl> impl);
  ~HeadMapSource();

  HeadId head() const;          ///< whose map it is
  std::int64_t tokens() const;  ///< rows and columns
  /// Cells along each side of a level: ceil(tokens / 2^level).
  std::int64_t side(int level) const;
  /// The first level with no more cells a side than asked for. It and those above it are kept.
  int overview_level() const;

  /// Values [rows, columns] of a tile. Levels below the overview are computed on demand, row block
  /// by row block. Errors: usage (outside the map, too large), cancelled, out_of_memory.
  Result<std::vector<float>> tile(const MapTile& tile, const RunContext& context) const;

  bool has_tiles() const;  ///< false: made for rows only
  /// The query at position `row` and every key it sees. Errors: usage (outside the map).
  Result<HeadRow> row(std::int64_t row) const;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace headscope
