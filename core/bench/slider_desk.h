// The window's engine over the real runner, moved like its sliders, with a clock beside it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/run_context.h"
#include "core/engine/engine.h"
#include "core/text/tokenizer.h"

namespace headscope::bench {

/// Begins and ends of the runner's runs, as its thread sees them.
class RunWatch {
 public:
  using Clock = std::chrono::steady_clock;
  /// One run, dropped or not.
  struct Run {
    double alpha = 0, tau = 1;
    Clock::time_point begin, end;
    bool done = false;  ///< to its end: not dropped
    double seconds() const { return std::chrono::duration<double>(end - begin).count(); }
  };
  /// For the runner, at both ends of a run.
  void begin(double alpha, double tau);
  void end(bool done);  ///< false: it was dropped

  /// Begun and not ended.
  bool running() const;
  /// Runs begun and ended so far.
  std::size_t begun() const;
  std::size_t ended() const;  ///< of those begun
  /// Waits until more than `count` runs have ended; the first of those, or nothing after `seconds`.
  std::optional<Run> wait_ended(std::size_t count, double seconds) const;
  /// Waits until more than `count` runs have begun; false after `seconds`.
  bool wait_begun(std::size_t count, double seconds) const;
  /// The last finished run with these strengths (0 and 1 = the baseline).
  std::optional<Run> last_with(double alpha, double tau = 1) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::optional<Run> now_;
  std::vector<Run> ended_;
};

/// One engine, for one thread.
class SliderDesk {
 public:
  /// `context` must outlive it.
  explicit SliderDesk(const RunContext& context);

  using SnapshotPointer = std::shared_ptr<const Snapshot>;
  std::uint64_t submit(const Request& request) { return engine_.submit(request); }
  SnapshotPointer snapshot() const { return engine_.snapshot(); }
  /// Waits for a snapshot of which `done` is true. Errors: the engine's own, cancelled, and
  /// internal after ten minutes.
  Result<SnapshotPointer> wait(const std::function<bool(const Snapshot&)>& done);
  /// Submits, and waits for the exact result.
  Result<SnapshotPointer> settle(const Request& request);
  const RunWatch& runs() const { return *runs_; }

 private:
  const RunContext& context_;
  std::shared_ptr<RunWatch> runs_ = std::make_shared<RunWatch>();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t updates_ = 0;
  Engine engine_;
};

/// A prompt of 20 documents of the embedded model's world, one of them marked as relevant, with
/// exactly `tokens` tokens (0 = as it comes); another `number`, other documents. bad_input when it
/// cannot be that short.
Result<PromptRequest> slider_prompt(const Tokenizer& tokenizer, std::int64_t tokens,
                                    std::uint64_t number);

}  // namespace headscope::bench
