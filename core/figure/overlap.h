// Layers x heads coloured by membership: which heads two definitions, or two runs, have in common.
#pragma once

#include <string>
#include <vector>

#include "core/analysis/compare_heads.h"
#include "core/base/error.h"
#include "core/base/types.h"
#include "core/figure/page.h"

namespace headscope::figure {
/// Two rankings of one model's heads.
struct OverlapFigure {
  int layers = 0, heads = 0;
  std::vector<HeadId> a, b;  ///< rankings, best first
  std::string name_a = "A", name_b = "B";
  int top_k = 20;
  Provenance provenance;
};

/// bad_input when a ranking is empty or names a head outside the model, or top_k < 1.
Result<Scene> draw_overlap(const OverlapFigure& figure, const Options& options);

}  // namespace headscope::figure
