// The paper's figures from a sweep.
#pragma once

#include <string>
#include <vector>

#include "core/figure/any_figure.h"
#include "core/sweep/sweep_paired.h"
#include "core/sweep/sweep_table.h"

namespace headscope {
/// A figure of a folder of results.
struct NamedFigure {
  std::string name;  ///< of the file, without its ending: "em-against-tau"
  figure::AnyFigure figure;
};

/// Whatever the rows allow of Fig. 3 (EM against k for each tau), Fig. 4 (for each alpha), both as
/// grids of values, and EM against the gold document's position. Rows with a moved gold document
/// are in the last alone. Controls are means over their draws, with the lowest and the highest as
/// interval. With the samples of the cells, settings that differ from all documents are marked, and
/// the mass on questions answered rightly and wrongly is drawn.
std::vector<NamedFigure> sweep_figures(const std::vector<SweepRow>& rows,
                                       const figure::Provenance& provenance,
                                       const std::vector<CellSamples>& cells = {});

}  // namespace headscope
