#include "app/shell/export_job.h"

#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <new>
#include <utility>

#include "core/base/in_background.h"
#include "core/base/thread_priority.h"

namespace headscope {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

ExportQueue::~ExportQueue() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    cancelled_ = true;
    waiting_.clear();
  }
  ready_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ExportQueue::add(std::string what, Work work, std::function<void()> changed) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({std::move(what), std::move(work), std::move(changed)});
    if (!thread_.joinable()) thread_ = start_thread([this] { loop(); });
    if (!thread_.joinable()) {
      ended_.push_back({true,
                        waiting_.back().what +
                            ": the system has no thread for this export; close other programs",
                        "", false});
      waiting_.pop_back();
    }
  }
  ready_.notify_all();
}

std::vector<ExportOutcome> ExportQueue::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(ended_, {});
}

bool ExportQueue::busy() const {
  const std::lock_guard lock(mutex_);
  return running_ || !waiting_.empty() || !ended_.empty();
}

void ExportQueue::cancel() {
  const std::lock_guard lock(mutex_);
  waiting_.clear();
  cancelled_ = running_.has_value();
}

std::optional<ExportQueue::View> ExportQueue::running() const {
  const std::lock_guard lock(mutex_);
  if (!running_) return std::nullopt;
  View view = *running_;
  view.seconds = now() - began_;
  return view;
}

void ExportQueue::loop() {
  lower_priority(BackgroundWork::shown_soon);
  std::unique_lock lock(mutex_);
  for (;;) {
    ready_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
    if (stop_) return;
    const Task task = std::move(waiting_.front());
    waiting_.pop_front();
    running_ = View{task.what, {}, 0};
    began_ = now();
    cancelled_ = false;
    lock.unlock();
    ExportOutcome outcome = run(task);
    lock.lock();
    ended_.push_back(std::move(outcome));
    running_.reset();
    lock.unlock();
    if (task.changed) task.changed();
    lock.lock();
  }
}

ExportOutcome ExportQueue::run(const Task& task) {
  RunContext context;
  context.is_cancelled = [this] { return cancelled_.load(); };
  context.on_progress = [this, &task](const Progress& progress) {
    {
      const std::lock_guard lock(mutex_);
      if (running_) running_->progress = progress;
    }
    if (task.changed) task.changed();
  };
  try {
    return task.work(context);
  } catch (const std::bad_alloc&) {
    return {true, task.what + ": not enough memory for this export; show a smaller part", "",
            false};
  } catch (const std::exception& problem) {
    return {true, task.what + ": " + problem.what(), "", false};
  }
}

}  // namespace headscope
