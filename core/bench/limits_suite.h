// `bench --suite limits`: how close the model comes to what the same machine can do in the same
// run.
#pragma once

#include "core/bench/side_by_side.h"

namespace headscope::bench {

/// What can be measured, in this order.
inline const std::vector<std::string> limits_parts = {"speed", "dtypes", "memory"};

/// {"suite",...,PART}: prefill over its bare matrix products and fused attention, a new token over
/// reading the weights once, each also as the share of that limit which is reached; the same in
/// bfloat16 beside float32; and the peak of loading and running over weights and caches.
Result<Json> run_limits_suite(const BenchOptions& options, const RunContext& context);

}  // namespace headscope::bench
