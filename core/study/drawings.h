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

/// Head map and ranking (Fig. 5 and 2), EM against tau and alpha (Fig. 3 and 4), EM against the
/// gold document's position.
Result<std::vector<Drawing>> draw_study(const Results& results);

}  // namespace headscope::study
