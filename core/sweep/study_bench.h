// Figures of what `headscope-cli bench` wrote: growth with its exponents, ratios against peers.
#pragma once

#include <string>
#include <vector>

#include "core/sweep/sweep_figures.h"

namespace headscope {

/// Whether a JSON document is a result of bench that has figures: of the suites growth and peers.
bool is_bench_report(const Json& value);

/// Growth: a figure each for tokens, heads, documents and samples, time and memory on logarithmic
/// axes, the fitted exponents in the legend. Peers: all ratios with their spread and goal.
/// bad_input names the field that is missing, of another type, or of another length.
Result<std::vector<NamedFigure>> bench_figures(const Json& value, const std::string& name,
                                               figure::Provenance provenance);

/// The machine and what ran on it, as captions name them.
Result<figure::Provenance> provenance_of_bench(const Json& value, const std::string& name);

}  // namespace headscope
