// All heads by score, best first.
#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"
#include "core/figure/page.h"

namespace headscope::figure {
/// A curve over all heads, with the names of the best.
struct RankingFigure {
  int layers = 0, heads = 0;
  std::vector<float> scores;     ///< [layers * heads]; NaN = not measured, left out
  std::vector<float> low, high;  ///< interval of each score, same order; empty = none
  std::vector<double> thresholds = {0.1, 0.2};
  int named = 10;  ///< so many of the best heads are listed beside the curve
  std::string score_name = "contextual score";
  Provenance provenance;
};

/// bad_input when sizes do not agree or no head has a score.
Result<Scene> draw_ranking(const RankingFigure& figure, const Options& options);

}  // namespace headscope::figure
