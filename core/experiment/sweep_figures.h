// The paper's figures from the table of a sweep.
#pragma once

#include <string>
#include <vector>

#include "core/experiment/sweep_table.h"
#include "core/figure/curves.h"

namespace headscope {

struct NamedFigure {
  std::string name;  ///< of the file, without its ending: "em-against-tau"
  figure::CurvesFigure figure;
};

/// Whatever the rows allow of Fig. 3 (EM against k for each tau), Fig. 4 (for each alpha) and EM
/// against the gold document's position. Rows with a moved gold document are in the last alone.
/// Controls are means over their draws, with the lowest and the highest as interval.
std::vector<NamedFigure> sweep_figures(const std::vector<SweepRow>& rows,
                                       const figure::Provenance& provenance);

}  // namespace headscope
