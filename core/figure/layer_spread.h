// Where the contextual heads sit (Fig. 5): every head's score by layer, and how many heads of each
// layer are above a threshold.
#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"
#include "core/figure/page.h"

namespace headscope::figure {
/// Scores by layer, and heads above a threshold in each.
struct LayerSpreadFigure {
  int layers = 0, heads = 0;
  std::vector<float> scores;  ///< [layers * heads]; empty: the ranking alone is drawn
  std::vector<HeadId> ranking;
  int top_k = 0;  ///< of the ranking: marked among the scores, counted by layer
  double low_threshold = 0.1, high_threshold = 0.2;
  std::string score_name = "contextual score";
  Provenance provenance;
};

/// bad_input when sizes do not agree, a head lies outside the model, or there is nothing to count.
Result<Scene> draw_layer_spread(const LayerSpreadFigure& figure, const Options& options);

}  // namespace headscope::figure
