// The prompt as text, every token painted by the attention mass on it.
#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/figure/page.h"

namespace headscope::figure {

/// A piece of the prompt's text: a token, several that share a character, or what lies between.
struct OverlayPiece {
  std::string text;
  double mass = 0;     ///< attention of the response rows on its tokens; 0 between tokens
  bool gold = false;   ///< within the gold document: underlined
  bool token = false;  ///< false: text that no token covers
};

struct OverlayFigure {
  std::string of;  ///< "layer 13, head 23" or "mean over the top 20 heads"
  std::vector<OverlayPiece> pieces;
  double hidden = 0;  ///< mass on tokens that show no text (of a chat template, the first one)
  bool logarithmic = true;
  Provenance provenance;
};

/// bad_input without text. A text of more lines than a page can have is cut, which the caption
/// says.
Result<Scene> draw_overlay(const OverlayFigure& figure, const Options& options);

}  // namespace headscope::figure
