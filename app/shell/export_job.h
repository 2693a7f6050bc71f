// Exports beside the window's thread: one after the other, with progress, each can be cancelled.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "core/base/run_context.h"

namespace headscope {

/// What an export leaves behind.
struct ExportOutcome {
  bool failed = false;
  std::string message;          ///< names the path, or what went wrong; empty = nothing to say
  std::string clipboard;        ///< text that goes to the clipboard
  bool saving_instead = false;  ///< a picture could not be copied: it can be saved
};

class ExportQueue {
 public:
  using Work = std::function<ExportOutcome(const RunContext&)>;

  ExportQueue() = default;
  /// Cancels what runs and waits for it.
  ~ExportQueue();
  ExportQueue(const ExportQueue&) = delete;
  ExportQueue& operator=(const ExportQueue&) = delete;

  /// `changed` is called on the worker's thread when there is something new to show; may be empty.
  void add(std::string what, Work work, std::function<void()> changed);
  /// Those that have ended since the last call, in their order.
  std::vector<ExportOutcome> take();
  bool busy() const;
  /// Stops the one that runs and forgets those that wait.
  void cancel();

  struct View {
    std::string what;  ///< "heads.png"
    Progress progress;
    double seconds = 0;  ///< since it began
  };
  /// The one that runs.
  std::optional<View> running() const;

 private:
  struct Task {
    std::string what;
    Work work;
    std::function<void()> changed;
  };
  void loop();
  ExportOutcome run(const Task& task);

  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Task> waiting_;
  std::vector<ExportOutcome> ended_;
  std::optional<View> running_;
  double began_ = 0;
  std::atomic<bool> cancelled_{false};
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace headscope
