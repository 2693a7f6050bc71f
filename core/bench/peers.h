// The Python programs that our figures are compared with (tests/peers).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/base/run_context.h"

namespace headscope::bench {

/// A Python with torch and transformers, and the peers' scripts; or why there is none.
struct Peers {
  std::string python;            ///< $HEADSCOPE_PYTHON, else python3
  std::filesystem::path folder;  ///< of the scripts
  Json versions;                 ///< of what they use
  std::string missing;           ///< empty = they can be run
  bool usable() const { return missing.empty(); }
};

/// `folder` empty: `tests/peers` in one of the folders above the program.
Peers find_peers(const std::filesystem::path& folder, const RunContext& context);

/// No peers, because nobody wants them.
Peers no_peers(std::string reason);

/// Runs `command` with the file `task` as last argument and reads its JSON. Errors: it fails (the
/// message carries the last line it wrote), its output is no JSON, cancelled.
Result<Json> run_measurement(std::vector<std::string> command, const std::filesystem::path& task,
                             int threads, const RunContext& context);

}  // namespace headscope::bench
