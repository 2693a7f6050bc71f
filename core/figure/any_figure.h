// Any figure of a study: drawn, and its numbers as CSV.
#pragma once

#include <string>
#include <variant>

#include "core/figure/curves.h"
#include "core/figure/groups.h"
#include "core/figure/head_map.h"
#include "core/figure/layer_spread.h"
#include "core/figure/ranking.h"
#include "core/figure/ratios.h"
#include "core/figure/table.h"
#include "core/figure/value_grid.h"

namespace headscope::figure {
/// Every figure that a folder of results can hold.
using AnyFigure = std::variant<HeadMapFigure, RankingFigure, LayerSpreadFigure, CurvesFigure,
                               ValueGridFigure, GroupsFigure, RatiosFigure, TableFigure>;
/// By the function of its kind.
Result<Scene> draw_figure(const AnyFigure& figure, const Options& options);

/// Every drawn number, with a header line.
std::string csv_of(const AnyFigure& figure);

}  // namespace headscope::figure
