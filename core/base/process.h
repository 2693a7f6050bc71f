// Another program's run: its output, how it ended, and cancellation.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/run_context.h"

namespace headscope {

/// `exit_code` of a program that the system killed, as it does for lack of memory.
inline constexpr int kKilled = 128 + 9;

/// What a program left that has ended.
struct ProcessResult {
  int exit_code = 0;     ///< 128 + signal when one ended it
  std::string output;    ///< stdout
  std::string messages;  ///< the end of stderr
};

/// Called with every whole line of stderr, without its end, on the thread that waits.
using LineListener = std::function<void(const std::string& line)>;

/// Runs `command` (program, arguments; the program is looked up in PATH) and waits. `environment`:
/// NAME=VALUE added to ours. Errors: cannot be started, cancelled (the program is sent SIGTERM and
/// waited for first).
Result<ProcessResult> run_process(const std::vector<std::string>& command,
                                  const std::vector<std::string>& environment,
                                  const RunContext& context, const LineListener& on_line = {});

/// Arguments as one line for a POSIX shell, quoted where it needs it.
std::string shell_line(const std::vector<std::string>& arguments);

/// Memory of this process in bytes: now, and the most it ever was. 0 where the system does not
/// tell.
struct ProcessMemory {
  std::uint64_t resident = 0, peak = 0;
};
ProcessMemory process_memory();

}  // namespace headscope
