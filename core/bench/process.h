// Another program's run: its output, how it ended, and cancellation. Every measurement has a
// process of its own, so that its peak memory is its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/run_context.h"

namespace headscope::bench {

struct ProcessResult {
  int exit_code = 0;     ///< 128 + signal when one ended it
  std::string output;    ///< stdout
  std::string messages;  ///< the end of stderr
};

/// Runs `command` (program, arguments; the program is looked up in PATH) and waits. `environment`:
/// NAME=VALUE added to ours. Errors: cannot be started, cancelled (the program is ended first).
Result<ProcessResult> run_process(const std::vector<std::string>& command,
                                  const std::vector<std::string>& environment,
                                  const RunContext& context);

/// Memory of this process in bytes, from /proc/self/status: now, and the most it ever was. 0 where
/// that file is missing.
struct ProcessMemory {
  std::uint64_t resident = 0, peak = 0;
};
ProcessMemory process_memory();

}  // namespace headscope::bench
