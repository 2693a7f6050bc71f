// `bench --suite directions`: training of focus directions beside the authors' way, on the same
// random checkpoint and samples, with the same steps.
#pragma once

#include "core/bench/side_by_side.h"

namespace headscope::bench {

/// {"suite","quick","machine","peers","model","ours","theirs","same_losses","ratios"}. Uses of
/// `options` what is not about parts, tokenizers and data. A peer that cannot run is {"skipped":
/// why}.
Result<Json> run_directions_suite(const BenchOptions& options, const RunContext& context);

}  // namespace headscope::bench
