// The exact runs of a prompt: what was set, what came of it, and a small picture of it. Bounded.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/engine/snapshot.h"

namespace headscope {

/// One exact run, small: a few kilobytes whatever the prompt's length.
struct RunEntry {
  std::uint64_t number = 0;  ///< from 1
  std::time_t when = 0;
  Request request;                              ///< with the run's settings, without its prompt
  std::shared_ptr<const PromptRequest> prompt;  ///< one for all runs over it
  bool is_baseline = false;
  std::string answer;
  bool graded = false;  ///< there were expected answers
  bool right = false;
  double seconds = 0;
  std::size_t touched = 0;  ///< heads acted on
  /// Mean mass of the heads looked at: the gold document, the other documents, sink, rest. Negative
  /// = unknown.
  float gold = -1, others = -1, sink = -1, rest = -1;
  std::vector<float>
      bars;  ///< mass of every document; of more than `most_bars`, the largest of some
  int gold_bar = -1;
  std::vector<float> cells;  ///< head map of relevant mass, [cell_rows, cell_columns], pooled
  int cell_rows = 0, cell_columns = 0;
};

class RunLog {
 public:
  static constexpr std::size_t most = 200;
  static constexpr std::size_t most_bars = 32;
  static constexpr int most_cells = 12;  ///< of a side

  /// Takes note of the exact runs of a snapshot that were not there before. A run that is repeated
  /// becomes the current one again. `looked_at`: heads whose masses are kept.
  void observe(const Snapshot& snapshot, std::span<const HeadId> looked_at);

  const std::vector<RunEntry>& entries() const { return entries_; }  ///< oldest first
  const RunEntry* find(std::uint64_t number) const;
  std::uint64_t current() const { return current_; }  ///< number of the run shown; 0 = none
  /// The run that others are compared with; 0 = none.
  std::uint64_t pinned = 0;
  void clear();
  /// Of another start of the program, oldest first, with their numbers.
  void restore(std::vector<RunEntry> entries, std::uint64_t pinned_run);
  /// Changes with the entries.
  std::uint64_t version() const { return version_; }

 private:
  void add(const Snapshot& snapshot, const RunResult& run, std::span<const HeadId> looked_at);

  std::vector<RunEntry> entries_;
  std::uint64_t next_ = 1, current_ = 0, version_ = 0;
  std::weak_ptr<const RunResult> last_;  ///< its weights are not kept for this
  std::shared_ptr<const PromptView> last_of_;
};

/// "tau 0.10, alpha 0.20, 5 contextual heads, response rows"; "baseline".
std::string describe_settings(const InterventionSettings& settings);

}  // namespace headscope
