// headscope-cli: the command line of cli.md. One file a command; this is the way in.
#pragma once

namespace headscope::cli {

/// Reads the command line, runs the command and returns the exit code of cli.md: 0 done, 2 wrong
/// usage, 3 bad input, 4 does not fit in memory, 130 interrupted, 1 a defect of ours. Never throws.
int run(int argc, const char* const* argv);

}  // namespace headscope::cli
