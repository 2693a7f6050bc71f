// Layers x heads: where the contextual heads sit (Fig. 2 and 5 of the paper).
#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"
#include "core/figure/page.h"

namespace headscope::figure {
/// A number of every head, layers by heads.
struct HeadMapFigure {
  int layers = 0, heads = 0;
  std::vector<float> scores;    ///< [layers * heads]; empty: the map shows each head's rank instead
  std::vector<HeadId> ranking;  ///< best first; its first `outlined` are outlined and numbered
  int outlined = 0;
  std::string outlined_what;  ///< "the 3 heads chosen"; empty: they are the top of the ranking
  bool difference = false;    ///< scores are intervened minus baseline: diverging colours around 0
  std::string score_name = "contextual score";
  Provenance provenance;
};

/// bad_input when sizes do not agree or a head lies outside the model.
Result<Scene> draw_head_map(const HeadMapFigure& figure, const Options& options);

/// Heads whose score is above `threshold`; NaN counts as below.
int count_above(const std::vector<float>& scores, double threshold);

/// Layers and heads that a bare ranking implies: its largest numbers plus one.
HeadId shape_of_ranking(const std::vector<HeadId>& ranking);

}  // namespace headscope::figure
