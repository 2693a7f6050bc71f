#include "app/shell/export_job.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <new>
#include <utility>

#include "core/base/file.h"
#include "core/base/process.h"

namespace headscope {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

bool is_installed(const char* program) {
  const auto found =
      run_process({"sh", "-c", "command -v \"$0\" >/dev/null 2>&1", program}, {}, {});
  return found && found->exit_code == 0;
}

// A file of our own that is gone when it is left.
class PassingFile {
 public:
  explicit PassingFile(const std::string& name) {
    std::error_code problem;
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    std::filesystem::path folder = runtime != nullptr ? runtime : "";
    if (!std::filesystem::is_directory(folder, problem))
      folder = std::filesystem::temp_directory_path(problem);
    path_ = folder / (name + "-" + std::to_string(getpid()) + ".png");
  }
  ~PassingFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  PassingFile(const PassingFile&) = delete;
  PassingFile& operator=(const PassingFile&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

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
    if (!thread_.joinable()) thread_ = std::thread([this] { loop(); });
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

Result<> copy_picture(const std::string& png) {
  const bool wayland = is_set("WAYLAND_DISPLAY"), x11 = is_set("DISPLAY");
  const bool wl_copy = wayland && is_installed("wl-copy");
  const bool xclip = !wl_copy && x11 && is_installed("xclip");
  if (!wl_copy && !xclip) {
    return bad_input(wayland ? "Copying a picture needs wl-copy: install the package wl-clipboard, "
                               "or save the picture as a file."
                             : "Copying a picture needs xclip: install the package xclip, or save "
                               "the picture as a file.");
  }
  // Both stay in the background to serve the clipboard: with our pipes open we would wait for them.
  const char* script = wl_copy ? "wl-copy --type image/png <\"$0\" >/dev/null 2>&1"
                               : "xclip -selection clipboard -t image/png <\"$0\" >/dev/null 2>&1";
  const PassingFile file("headscope-clipboard");
  HEADSCOPE_TRY(write_file_atomically(file.path(), png));
  HEADSCOPE_ASSIGN(const auto ended,
                   run_process({"sh", "-c", script, file.path().string()}, {}, {}));
  if (ended.exit_code == 0) return {};
  return bad_input(std::string(wl_copy ? "wl-copy" : "xclip") + " ended with code " +
                   std::to_string(ended.exit_code) +
                   ": the picture was not copied; save it as a "
                   "file instead.");
}

}  // namespace headscope
