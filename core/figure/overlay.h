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
  bool sink = false;   ///< of tokens 0 and 1: framed instead of painted where these are left out
};
/// A prompt's text, painted by attention.
struct OverlayFigure {
  std::string of;  ///< "layer 13, head 23" or "mean over the top 20 heads"
  std::vector<OverlayPiece> pieces;
  double hidden = 0;  ///< mass on tokens that show no text (of a chat template, the first one)
  bool logarithmic = true;
  bool difference = false;    ///< masses are intervened minus baseline, with sign
  bool without_sink = false;  ///< tokens 0 and 1 are not painted and do not set the scale
  std::string pooled = "mean over the rows";  ///< how rows and heads became one number
  std::string rows = "the response rows";     ///< whose attention it is
  Provenance provenance;
};

/// bad_input without text. A text of more lines than a page can have is cut, which the caption
/// says.
Result<Scene> draw_overlay(const OverlayFigure& figure, const Options& options);

}  // namespace headscope::figure
