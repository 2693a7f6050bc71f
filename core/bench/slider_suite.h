// `bench --suite sliders`: what a slider's move takes in the window's engine over the real model.
#pragma once

#include "core/bench/side_by_side.h"

namespace headscope::bench {

/// What can be measured, in this order.
inline const std::vector<std::string> slider_parts = {"preview", "embedded", "drop", "restart"};

/// {"suite",...,PART}: the live preview of 20 heads and its error, alone and beside runs; moves on
/// the embedded model until the exact attention and answer are there; how fast a run that is not
/// wanted any more is dropped; what a run that begins at its first touched layer takes of a whole
/// one. Milliseconds by the clock; repetitions are processes.
Result<Json> run_slider_suite(const BenchOptions& options, const RunContext& context);

}  // namespace headscope::bench
