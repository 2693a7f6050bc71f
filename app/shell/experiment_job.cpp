#include "app/shell/experiment_job.h"

#include <charconv>
#include <chrono>
#include <string_view>
#include <utility>

#include "core/base/file.h"
#include "core/base/in_background.h"
#include "core/base/process.h"
#include "core/base/thread_priority.h"
#include "core/engine/without_exceptions.h"

namespace headscope {
namespace {

bool read_number(std::string_view text, double& value) {
  const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  return problem == std::errc() && rest == text.data() + text.size();
}

// The last line of a program's messages: what it died of.
std::string last_line(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  return std::string(text.substr(text.rfind('\n') + 1));
}

}  // namespace

bool parse_progress(const std::string& line, ProgressLine& parsed) {
  std::string_view text = line;
  ProgressLine found;
  if (const std::size_t comma = text.rfind(", "); comma != std::string_view::npos) {
    if (!text.ends_with(" left")) return false;
    found.remaining = text.substr(comma + 2);
    text = text.substr(0, comma);
  }
  const std::size_t space = text.rfind(' ');
  if (space == std::string_view::npos) return false;
  const std::string_view numbers = text.substr(space + 1);
  const std::size_t slash = numbers.find('/');
  if (slash == std::string_view::npos ||
      !read_number(numbers.substr(0, slash), found.progress.done) ||
      !read_number(numbers.substr(slash + 1), found.progress.total)) {
    return false;
  }
  found.progress.what = text.substr(0, space);
  parsed = std::move(found);
  return true;
}

ExperimentJob::ExperimentJob(std::filesystem::path program, ExperimentForm form,
                             ExperimentPlan plan, std::function<void()> changed)
    : program_(std::move(program)),
      form_(std::move(form)),
      plan_(std::move(plan)),
      changed_(std::move(changed)),
      thread_(start_thread([this] { run(); })) {
  if (thread_.joinable()) return;
  view_.state = State::failed;
  view_.message = "The system has no thread for this; close other programs and try again.";
}

ExperimentJob::~ExperimentJob() {
  stop();
  if (thread_.joinable()) thread_.join();
}

ExperimentJob::View ExperimentJob::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

void ExperimentJob::update(const std::function<void(View&)>& change) {
  {
    const std::lock_guard lock(mutex_);
    change(view_);
  }
  if (changed_) changed_();
}

void ExperimentJob::run() {
  lower_priority(BackgroundWork::computing);  // and of the programs it starts
  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [start] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  Result<> outcome = without_exceptions([&]() -> Result<> {
    HEADSCOPE_TRY(create_folders(plan_.folder));
    for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
      update([&](View& view) {
        view.step = i;
        view.progress = {};
        view.seconds = seconds();
      });
      HEADSCOPE_TRY(run_step(plan_.steps[i]));
    }
    return {};
  });
  update([&](View& view) {
    view.seconds = seconds();
    view.state =
        outcome ? State::done
                : (outcome.error().kind == ErrorKind::cancelled ? State::stopped : State::failed);
    if (view.state == State::failed) view.message = std::move(outcome.error().message);
  });
}

Result<> ExperimentJob::run_step(const ExperimentStep& step) {
  std::error_code ignored;
  if (!step.makes.empty() && std::filesystem::exists(step.makes, ignored)) return {};
  std::vector<std::string> command = {program_.string()};
  command.insert(command.end(), step.arguments.begin(), step.arguments.end());
  RunContext context;
  context.is_cancelled = [this] { return stop_.load(); };
  const auto on_line = [this](const std::string& line) {
    update([&](View& view) {
      if (!parse_progress(line, view.progress)) view.message = line;
    });
  };
  // The window shows progress more often than a log wants it.
  HEADSCOPE_ASSIGN(const auto result,
                   run_process(command, {"HEADSCOPE_PROGRESS_SECONDS=0.5"}, context, on_line));
  if (result.exit_code == 0) return {};
  if (result.exit_code == exit_code(ErrorKind::cancelled)) {
    return fail(ErrorKind::cancelled, "stopped");
  }
  const std::string why = last_line(result.messages);
  return bad_input(step.what + ": " +
                   (why.empty() ? "ended with code " + std::to_string(result.exit_code) : why));
}

}  // namespace headscope
