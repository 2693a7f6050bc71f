// `bench --suite sweep`: cells of an alpha x k grid over one prompt, run together and one by one,
// beside what the touched layers allow.
#pragma once

#include "core/bench/side_by_side.h"

namespace headscope::bench {

/// Where the grid's first touched layer lies.
inline const std::vector<std::string> sweep_parts = {"first_layer", "middle_layer", "last_layer"};

/// {"suite",...,PART:{"together","alone","bound","ratios"}}. Tokens and attention of both ways are
/// compared: they differ by rounding, since cells that run together decode together.
Result<Json> run_sweep_suite(const BenchOptions& options, const RunContext& context);

}  // namespace headscope::bench
