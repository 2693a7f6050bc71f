// One head's attention: response rows x keys, with the documents of the prompt.
#pragma once

#include <cstdint>
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

struct AttentionFigure {
  HeadId head;
  std::vector<std::string> row_tokens;  ///< text of the token at each row
  std::int64_t first_row = 0;           ///< absolute position of the first row
  std::int64_t keys = 0;
  std::vector<float> weights;  ///< [rows, keys] after the softmax
  std::vector<KeyDocument> documents;
  std::int64_t prompt_tokens = 0;  ///< keys from here on are the response
  bool logarithmic = true;
  std::string run = "baseline";  ///< "baseline", "split-softmax, tau 0.1"...
  Provenance provenance;
};

/// bad_input when sizes do not agree. Keys hidden from a row (after it) have no value. More keys
/// than can be told apart at this size are pooled: a column shows the largest weight of its keys.
Result<Scene> draw_attention(const AttentionFigure& figure, const Options& options);

}  // namespace headscope::figure
