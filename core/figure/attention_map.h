// One head's attention: response rows x keys, or a part of all rows x all keys, with the documents
// of the prompt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"
#include "core/figure/page.h"

namespace headscope::figure {

/// Where a document lies along the keys.
struct KeyDocument {
  int number = 0;  ///< as the prompt prints it
  TokenRange keys;
  bool gold = false;
};

/// Ends of the colours; of differences the magnitudes of both ends.
struct ColorRange {
  float low = 0, high = 1;
};
/// One head's weights, rows by keys.
struct AttentionFigure {
  HeadId head;
  std::vector<std::string> row_tokens;  ///< text of the token at each row; none of a pooled map
  std::vector<std::string> key_tokens;  ///< same of each key, written where few are drawn; may be
                                        ///< empty
  std::int64_t first_row = 0;           ///< absolute position of the first row
  std::int64_t first_key = 0;
  std::int64_t keys = 0;       ///< columns
  std::int64_t cell = 1;       ///< tokens along each side that a weight is the largest of
  std::vector<float> weights;  ///< [rows, keys] after the softmax
  std::vector<KeyDocument> documents;
  std::int64_t prompt_tokens = 0;  ///< keys from here on are the response
  bool logarithmic = true;
  bool difference = false;          ///< weights are intervened minus baseline: diverging
  bool per_row = false;             ///< colours are shares of the row's largest weight; linear
  bool without_sink = false;        ///< keys 0 and 1 are left out and do not set the scale
  std::optional<ColorRange> range;  ///< none: 1e-4 to 1, linear 0 to the largest weight
  bool causal = true;  ///< keys after their row are hidden; not so where keys are groups
  std::string key_unit = "token position";
  std::string title = {};  ///< empty: "Attention of layer 3, head 1"
  std::string value_name = "Attention weight";
  std::string note = {};         ///< one more sentence of the caption
  bool square = false;           ///< rows are all queries, those of the prompt too
  std::string run = "baseline";  ///< "baseline", "split-softmax, tau 0.1"...
  Provenance provenance;
  /// Rows that `weights` holds.
  std::int64_t rows() const {
    return keys > 0 ? static_cast<std::int64_t>(weights.size()) / keys : 0;
  }
};

/// bad_input when sizes do not agree. Keys hidden from a row (after it) have no value. More keys
/// or rows than can be told apart at this size are pooled: a place shows the largest of its weights
/// (of differences the one of largest magnitude).
Result<Scene> draw_attention(const AttentionFigure& figure, const Options& options);

}  // namespace headscope::figure
