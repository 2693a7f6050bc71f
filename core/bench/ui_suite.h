// `bench --suite ui`: what the window costs its own thread, and at rest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/run_context.h"

namespace headscope::bench {

struct UiSuiteOptions {
  std::filesystem::path window;  ///< the program headscope
  bool quick = false;            ///< few tokens and frames: checks, no figures
  int repetitions = 3;
  std::function<void(const std::string&)> note;  ///< what happens next, in words
};

/// {"suite","quick","machine","frames":{"long":{PHASE:{...}},"short":{...},"ratios":{...}},"idle"}.
/// A phase has median, 99th percentile and largest of a frame's milliseconds, by the clock and by
/// the thread's processor time, over all repetitions; app/shell/frame_bench.h says what a frame and
/// a phase are. Long and short prompts take turns. Without a display "idle" is {"skipped": why}.
/// Errors: the window's program is not there or fails, cancelled.
Result<Json> run_ui_suite(const UiSuiteOptions& options, const RunContext& context);

}  // namespace headscope::bench
