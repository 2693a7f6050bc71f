// Many small maps side by side on one scale: the attention of every head of a layer.
#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/figure/page.h"

namespace headscope::figure {
/// The map of one head.
struct SmallMap {
  std::string name;           ///< above it: "L3 H1"
  std::vector<float> values;  ///< [rows, columns]
  bool marked = false;        ///< framed: a head that is acted on
};
/// Maps of many heads on one scale.
struct SmallMapsFigure {
  std::string title, subtitle, text;
  int rows = 0, columns = 0;  ///< of every map
  std::vector<SmallMap> maps;
  std::string value_name = "Attention weight";
  bool logarithmic = true;
  bool difference = false;  ///< diverging around 0
  Provenance provenance;
};

/// bad_input without maps, or when one has another size.
Result<Scene> draw_small_maps(const SmallMapsFigure& figure, const Options& options);

}  // namespace headscope::figure
