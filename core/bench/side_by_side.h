// What the suites of `bench` share: one random checkpoint, tasks that our own process and the
// Python peers read alike, and processes that take turns.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/run_context.h"
#include "core/base/types.h"
#include "core/bench/measure.h"
#include "core/bench/peers.h"
#include "core/config/config.h"

namespace headscope::bench {
/// What all suites of `bench` are told.
struct BenchOptions {
  bool quick = false;           ///< a tiny model and few tokens: checks, no figures
  std::set<std::string> parts;  ///< of the suite's parts; empty = all
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

/// [begin, end] as JSON.
Json pair_json(TokenRange range);

/// One suite's run: its checkpoint and its measuring processes.
class SideBySide {
 public:
  /// `options` and `context` must outlive it.
  SideBySide(const BenchOptions& options, const RunContext& context);

  /// Writes the random checkpoint, unless it is there.
  Result<> prepare();

  const BenchOptions& options() const { return options_; }
  const RunContext& context() const { return context_; }
  const ModelConfig& config() const { return config_; }
  const std::filesystem::path& model_folder() const { return model_folder_; }
  int threads() const { return threads_; }
  std::filesystem::path file(const std::string& name) const { return options_.work / name; }
  /// What is being done, for who watches.
  void note(const std::string& text) const;
  /// Goals are about the real sizes: none where the run is quick.
  std::optional<Goal> at_least(double limit) const;
  std::optional<Goal> at_most(double limit) const;  ///< and this

  /// {"suite","quick","seed","machine","peers","model"}.
  Json report_head(const std::string& suite) const;
  /// Adds those of the suite's `parts` that are wanted (all where none is named), in their order,
  /// each with the load that it ended under.
  Result<> run_parts(const std::vector<std::string>& parts,
                     const std::function<Result<Json>(const std::string&)>& run,
                     Json& report) const;
  /// A task of `kind` over a random prompt: `tokens` in all, the last `rows` of them the response.
  Json pass_task(const std::string& kind, std::int64_t tokens, std::int64_t rows) const;

  /// A tensor that a measuring process left in the work folder.
  Result<std::vector<float>> tensor(const std::string& file, const std::string& name) const;

  /// Our own process on `task`.
  Result<Json> ours(const Json& task) const;
  /// The peer `script` on `task`; nothing where `skipped` says why not. A peer that fails leaves
  /// its reason there, not an error; only the user's interruption ends everything.
  Result<std::optional<Json>> peer(const Json& task, const std::string& script,
                                   std::string& skipped) const;

 private:
  Result<Json> measure(const Json& task, const std::vector<std::string>& command) const;

  const BenchOptions& options_;
  const RunContext& context_;
  ModelConfig config_;
  int threads_ = 1;
  std::filesystem::path model_folder_;
};

/// Runs a suite in its work folder, which is made; a measuring process's answer that is not what
/// was asked for is an error.
Result<Json> run_in_work_folder(const BenchOptions& options,
                                const std::function<Result<Json>()>& suite);

}  // namespace headscope::bench
