// `bench --suite engine`: our engine beside Hugging Face's on the same random checkpoint, in the
// same run, as ratios.
#pragma once

#include <string>
#include <vector>

#include "core/bench/side_by_side.h"

namespace headscope::bench {

/// What can be measured, in this order.
inline const std::vector<std::string> engine_parts = {"scores", "interventions", "tokenizers",
                                                      "long"};

/// {"suite","quick","machine","peers","model",PART:{...}}. Every figure says what it means. A peer
/// that cannot run is {"skipped": why}. Errors: no room, no data, cancelled.
Result<Json> run_engine_suite(const BenchOptions& options, const RunContext& context);

}  // namespace headscope::bench
