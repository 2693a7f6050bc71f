// Small jobs beside the window's thread: the newest one wins, results are picked up when there.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "core/base/in_background.h"
#include "core/base/thread_priority.h"

namespace headscope {

/// One thread that begins with the first job. `Job` and `Result` are values.
template <class Job, class Result>
class LatestWorker {
 public:
  using IsStale = std::function<bool()>;  ///< a newer job is waiting, or the worker ends
  /// `work` runs on the worker's thread; nothing = there is no result (the job is stale).
  using Work = std::function<std::optional<Result>(const Job&, const IsStale&)>;

  explicit LatestWorker(Work work) : work_(std::move(work)) {}
  ~LatestWorker() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    ready_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  LatestWorker(const LatestWorker&) = delete;
  LatestWorker& operator=(const LatestWorker&) = delete;

  /// Replaces a job that waits, and makes the running one stale. `done` is called from the worker's
  /// thread when it has been worked off; it may be empty and must not block.
  void submit(Job job, std::function<void()> done) {
    {
      const std::lock_guard lock(mutex_);
      waiting_ = std::move(job);
      done_ = std::move(done);
      if (!thread_.joinable()) thread_ = start_thread([this] { loop(); });
      // What is shown stays; the next job tries again.
      if (!thread_.joinable()) waiting_.reset();
    }
    ready_.notify_all();
  }

  /// The newest result with its job, once.
  std::optional<std::pair<Job, Result>> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(result_, std::nullopt);
  }

  /// A job waits or runs.
  bool busy() const {
    const std::lock_guard lock(mutex_);
    return waiting_ || running_;
  }

 private:
  void loop() {
    lower_priority(BackgroundWork::shown_soon);
    std::unique_lock lock(mutex_);
    for (;;) {
      ready_.wait(lock, [this] { return stop_ || waiting_; });
      if (stop_) return;
      Job job = std::move(*std::exchange(waiting_, std::nullopt));
      const std::function<void()> done = std::move(done_);
      running_ = true;
      lock.unlock();
      std::optional<Result> result = run(job);
      lock.lock();
      running_ = false;
      if (result && !waiting_) result_.emplace(std::move(job), std::move(*result));
      lock.unlock();
      if (done) done();
      lock.lock();
    }
  }

  std::optional<Result> run(const Job& job) const {
    try {
      return work_(job, [this] {
        const std::lock_guard lock(mutex_);
        return stop_ || waiting_.has_value();
      });
    } catch (const std::exception&) {
      return std::nullopt;  // no memory for the result: what is shown stays
    }
  }

  const Work work_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::optional<Job> waiting_;
  std::optional<std::pair<Job, Result>> result_;
  std::function<void()> done_;
  bool running_ = false, stop_ = false;
  std::thread thread_;
};

/// The result of the newest job: computed at once where that is cheap, else by a worker, while the
/// last one stays to be shown. For one thread; `Job` is comparable.
template <class Job, class Result>
class NewestResult {
 public:
  using Work = typename LatestWorker<Job, Result>::Work;

  explicit NewestResult(Work work) : work_(work), worker_(std::move(work)) {}

  /// Does nothing when `job` is what was asked last.
  void ask(const Job& job, bool cheap, std::function<void()> done) {
    if (asked_ && *asked_ == job) return;
    asked_ = job;
    if (!cheap) return worker_.submit(job, std::move(done));
    shown_.reset();
    if (auto result = work_(job, [] { return false; })) shown_.emplace(job, std::move(*result));
  }

  /// The newest result there is, with its job; null = none yet.
  const std::pair<Job, Result>* newest() {
    auto taken = worker_.take();
    if (taken && asked_ && taken->first == *asked_) shown_ = std::move(taken);
    return shown_ ? &*shown_ : nullptr;
  }
  /// What `newest` gave last.
  const std::pair<Job, Result>* shown() const { return shown_ ? &*shown_ : nullptr; }
  /// The worker has not come to what was asked for last.
  bool busy() const { return worker_.busy(); }
  void forget() {  ///< the next `ask` asks anew
    asked_.reset();
    shown_.reset();
  }

 private:
  const Work work_;
  std::optional<Job> asked_;
  std::optional<std::pair<Job, Result>> shown_;
  LatestWorker<Job, Result> worker_;
};

}  // namespace headscope
