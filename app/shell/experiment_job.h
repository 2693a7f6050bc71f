// An experiment while it runs: commands of headscope-cli, one after the other, watched from the
// window.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "app/shell/experiment_plan.h"
#include "core/base/run_context.h"

namespace headscope {

/// What a line of headscope-cli's progress says: "score 12/150, 40 s left".
struct ProgressLine {
  Progress progress;
  std::string remaining;  ///< "40 s left", or empty
};
/// False when the line is a message.
bool parse_progress(const std::string& line, ProgressLine& parsed);

class ExperimentJob {
 public:
  enum class State { running, done, failed, stopped };
  /// A copy of how far it is.
  struct View {
    State state = State::running;
    std::size_t step = 0;  ///< the one that runs, or ran last
    ProgressLine progress;
    std::string message;  ///< the last line that was no progress; why it failed
    double seconds = 0;   ///< since it was started
  };

  /// Starts at once. `program` is headscope-cli; `changed` is called on another thread whenever
  /// `view` would say something new.
  ExperimentJob(std::filesystem::path program, ExperimentForm form, ExperimentPlan plan,
                std::function<void()> changed);
  /// Stops the command that runs and waits for it: what it finished stays.
  ~ExperimentJob();
  ExperimentJob(const ExperimentJob&) = delete;
  ExperimentJob& operator=(const ExperimentJob&) = delete;

  const ExperimentForm& form() const { return form_; }
  const ExperimentPlan& plan() const { return plan_; }
  View view() const;
  void stop() { stop_ = true; }

 private:
  void run();
  Result<> run_step(const ExperimentStep& step);
  void update(const std::function<void(View&)>& change);

  const std::filesystem::path program_;
  const ExperimentForm form_;
  const ExperimentPlan plan_;
  const std::function<void()> changed_;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  View view_;
  std::thread thread_;
};

}  // namespace headscope
