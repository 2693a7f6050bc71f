// `bench --suite ui`: what the window costs its own thread, and at rest.
#pragma once

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/run_context.h"
#include "core/bench/side_by_side.h"

namespace headscope::bench {

/// {"suite","quick","machine","frames":{"long":{PHASE:{...}},"short":{...},"ratios":{...}},
/// "start":{"window","libtorch","map":seconds,"window_seconds","ratios"},"idle"}.
/// A phase has median, 99th percentile and largest of a frame's milliseconds, by the clock and by
/// the thread's processor time, over all repetitions; app/shell/frame_bench.h says what a frame and
/// a phase are. Long and short prompts take turns. Without a display "start" and
/// "idle" are {"skipped": why}.
/// The window is the program headscope beside this one, which has no ImGui. Errors: the window's
/// program is not there or fails, cancelled.
Result<Json> run_ui_suite(const BenchOptions& options, const RunContext& context);

}  // namespace headscope::bench
