// The figures of a study.
#pragma once

#include <string>
#include <vector>

#include "core/study/results.h"

namespace headscope::study {

/// One figure as SVG in both themes.
struct Drawing {
  std::string name;  ///< of the file: "em-against-tau"
  std::string light, dark;
};

/// Head map, ranking and layers (Fig. 2 and 5), EM against tau and alpha as curves and as grids
/// (Fig. 3 and 4), mass on right and wrong answers, EM against the gold document's position, the
/// control on untouched heads, the table of long contexts.
Result<std::vector<Drawing>> draw_study(const Results& results);

}  // namespace headscope::study
