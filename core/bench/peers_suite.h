// `bench --suite peers`: what people use today beside ours, on the same random checkpoint and
// prompt, in the same run: change alpha, see the response rows' attention of all heads, and read
// new tokens.
#pragma once

#include "core/bench/side_by_side.h"

namespace headscope::bench {

/// What can be measured, in this order: sliders with the response's rows edited, with all rows from
/// the middle layer on, with all rows from the first layer on; scores of samples; the alpha x k
/// grid.
inline const std::vector<std::string> peers_parts = {"response_rows", "middle_layer", "first_layer",
                                                     "samples", "grid"};

/// {"suite",...,PART:{...}}. Every figure says what it means; tokens and attention of both sides
/// are compared, so that a ratio is known to be about the same work. A peer that cannot run is
/// {"skipped": why}.
Result<Json> run_peers_suite(const BenchOptions& options, const RunContext& context);

}  // namespace headscope::bench
