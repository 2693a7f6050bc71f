#include "app/cli/terminal.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "core/base/error.h"
#include "core/base/platform.h"

namespace headscope::cli {
namespace {

static_assert(std::atomic<int>::is_always_lock_free);  // a signal handler may touch nothing else
std::atomic<int> g_interrupts{0};

extern "C" void on_interrupt(int) {
  if (g_interrupts.fetch_add(1) > 0) std::_Exit(exit_code(ErrorKind::cancelled));
}

constexpr int kBarWidth = 30;
constexpr auto kBarInterval = std::chrono::milliseconds(100);
constexpr double kLineSeconds = 5;

// Between two lines of a log; the window, which shows the newest alone, asks for more.
std::chrono::duration<double> line_interval() {
  const char* wanted = std::getenv("HEADSCOPE_PROGRESS_SECONDS");
  const double seconds = wanted != nullptr ? std::atof(wanted) : 0;
  return std::chrono::duration<double>(seconds > 0 ? seconds : kLineSeconds);
}

std::string fraction(const Progress& progress) {
  char text[64];
  if (progress.total > 0) {
    std::snprintf(text, sizeof text, "%.0f/%.0f", progress.done, progress.total);
  } else {
    std::snprintf(text, sizeof text, "%.0f", progress.done);
  }
  return text;
}

}  // namespace

std::string remaining_text(const Progress& progress, double before, double elapsed) {
  constexpr double kWorthSaying = 3;  // sooner, the rate is not known
  const double done = progress.done - before;
  if (!(progress.total > 0) || !(done > 0) || elapsed < kWorthSaying) return "";
  const double seconds = (progress.total - progress.done) * elapsed / done;
  char text[64];
  if (seconds < 90) {
    std::snprintf(text, sizeof text, ", %.0f s left", seconds);
  } else if (seconds < 90 * 60) {
    std::snprintf(text, sizeof text, ", %.0f min left", seconds / 60);
  } else {
    const double minutes = std::round(seconds / 60);
    std::snprintf(text, sizeof text, ", %.0f h %.0f min left", std::floor(minutes / 60),
                  std::fmod(minutes, 60));
  }
  return text;
}

void catch_interrupts() {
  platform::on_interrupt(on_interrupt);
}

bool interrupted() {
  return g_interrupts.load(std::memory_order_relaxed) > 0;
}

void print_message(const std::string& text) {
  std::string shown = text;
  for (char& c : shown) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F) c = '?';
  }
  std::fprintf(stderr, "%s\n", shown.c_str());
}

ProgressPrinter::ProgressPrinter(bool quiet)
    : quiet_(quiet), terminal_(platform::stderr_is_terminal()), line_interval_(line_interval()) {}

ProgressPrinter::~ProgressPrinter() {
  clear_bar();
}

RunContext ProgressPrinter::context() {
  RunContext context;
  context.is_cancelled = interrupted;
  if (!quiet_) context.on_progress = [this](const Progress& progress) { show(progress); };
  return context;
}

void ProgressPrinter::note(const std::string& text) {
  if (quiet_) return;
  clear_bar();
  print_message(text);
}

void ProgressPrinter::show(const Progress& progress) {
  const auto now = Clock::now();
  if (progress.total != watched_total_ || progress.done < done_before_) {
    watched_since_ = now;
    watched_total_ = progress.total;
    done_before_ = progress.done;
  }
  const std::chrono::duration<double> interval = terminal_ ? kBarInterval : line_interval_;
  if (now - last_shown_ < interval) return;
  last_shown_ = now;
  terminal_ ? draw_bar(progress) : draw_line(progress);
}

std::string ProgressPrinter::remaining(const Progress& progress) {
  const std::chrono::duration<double> elapsed = Clock::now() - watched_since_;
  return remaining_text(progress, done_before_, elapsed.count());
}

void ProgressPrinter::draw_bar(const Progress& progress) {
  const double share =
      progress.total > 0 ? std::clamp(progress.done / progress.total, 0.0, 1.0) : 0;
  const auto filled = static_cast<std::size_t>(share * kBarWidth);
  const std::string bar = std::string(filled, '#') + std::string(kBarWidth - filled, '.');
  std::fprintf(stderr, "\r\033[K[%s] %s %s%s", bar.c_str(), progress.what.c_str(),
               fraction(progress).c_str(), remaining(progress).c_str());
  std::fflush(stderr);
  bar_drawn_ = true;
}

void ProgressPrinter::draw_line(const Progress& progress) {
  std::fprintf(stderr, "%s %s%s\n", progress.what.c_str(), fraction(progress).c_str(),
               remaining(progress).c_str());
}

void ProgressPrinter::clear_bar() {
  if (!bar_drawn_) return;
  std::fputs("\r\033[K", stderr);
  bar_drawn_ = false;
}

}  // namespace headscope::cli
