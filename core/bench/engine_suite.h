// `bench --suite engine`: our engine beside Hugging Face's on the same random checkpoint, in the
// same run, as ratios.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/run_context.h"
#include "core/bench/peers.h"

namespace headscope::bench {

/// What can be measured, in this order.
inline const std::vector<std::string> engine_parts = {"scores", "interventions", "tokenizers",
                                                      "long"};

struct EngineSuiteOptions {
  bool quick = false;           ///< a tiny model and few tokens: checks, no figures
  std::set<std::string> parts;  ///< of engine_parts; empty = all
  int repetitions = 3;          ///< of what is repeated
  int threads = 0;              ///< 0 = all cores
  std::uint64_t seed = 0;
  std::filesystem::path work;            ///< folder for the checkpoint and what processes exchange
  std::vector<std::string> own_command;  ///< this program as a measuring process; a task follows
  std::vector<std::filesystem::path> tokenizers;  ///< folders with a tokenizer.json
  std::filesystem::path demo;                     ///< folder of the embedded model
  std::filesystem::path data;  ///< data set whose prompts are tokenised; empty = made up
  Peers peers;
  std::function<void(const std::string&)> note;  ///< what happens next, in words
};

/// {"suite","quick","machine","peers","model",PART:{...}}. Every figure says what it means. A peer
/// that cannot run is {"skipped": why}. Errors: no room, no data, cancelled.
Result<Json> run_engine_suite(const EngineSuiteOptions& options, const RunContext& context);

}  // namespace headscope::bench
