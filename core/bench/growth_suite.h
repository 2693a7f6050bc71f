// `bench --suite growth`: how time and memory of a pass grow with tokens, heads, documents and
// samples, with the fitted exponents.
#pragma once

#include "core/bench/side_by_side.h"

namespace headscope::bench {

/// What can be measured, in this order.
inline const std::vector<std::string> growth_parts = {"tokens", "heads", "documents", "samples"};

/// {"suite",...,PART:{"x","curves":[{"name","seconds","run_bytes","time_exponent",
/// "memory_exponent"}],...}}: least-squares slopes of log y against log x. `run_bytes` is the peak
/// beyond program and weights.
Result<Json> run_growth_suite(const BenchOptions& options, const RunContext& context);

}  // namespace headscope::bench
