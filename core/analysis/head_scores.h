// Contextual score of every head (method.md 1): pure functions over plain arrays.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/types.h"

namespace headscope {

/// Attention mass of one sample (or the mean over samples) per head, each [layers * heads],
/// row-major; `relevant` and `irrelevant_*` are NaN where the sample has no gold mark.
struct HeadScores {
  int layers = 0;
  int heads = 0;
  std::vector<float> relevant;        ///< mean over rows R of mass on the gold documents' tokens
  std::vector<float> sink;            ///< same on S0 = {0,1}
  std::vector<float> irrelevant_sum;  ///< same on the union of the other documents
  std::vector<float> irrelevant_max;  ///< the largest single other document
  /// Place of a head in the arrays.
  std::size_t index(HeadId id) const {
    return static_cast<std::size_t>(id.layer) * heads + id.head;
  }
};

/// The key sets of a prompt in the order used for span sums: every document, then the sink, then
/// the rest up to the end of the prompt.
struct SpanLayout {
  int documents = 0;
  std::vector<int> gold;  ///< indices of the relevant ones, ascending; empty = none
  int sets() const { return documents + 1; }
  int sink_set() const { return documents; }
};

/// Scores of one run from span sums [layers, heads, rows, sets] (sets as in SpanLayout), averaged
/// over rows [row_begin, row_end) of the capture.
HeadScores scores_from_span_sums(const std::vector<float>& span_sums, int layers, int heads,
                                 std::int64_t rows, TokenRange use_rows, const SpanLayout& layout);

/// All heads by score, descending; ties by (layer, head).
std::vector<HeadId> rank_heads(const std::vector<float>& score, int layers, int heads);

}  // namespace headscope
