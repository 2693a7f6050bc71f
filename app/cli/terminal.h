// What a person at the terminal sees and does: messages and progress on stderr, Ctrl+C.
#pragma once

#include <chrono>
#include <string>

#include "core/base/run_context.h"

namespace headscope::cli {

/// What is left of work that had done `before` of `total` units `elapsed` seconds ago: ", 40 s
/// left",
/// ", 12 min left", ", 3 h 20 min left"; empty while nothing can be said.
std::string remaining_text(const Progress& progress, double before, double elapsed);

/// From now on SIGINT and SIGTERM ask running work to stop (a second one ends the process at once).
void catch_interrupts();
bool interrupted();

/// One line on stderr; control characters in it are shown as '?'.
void print_message(const std::string& text);

/// Progress of one command: a bar on a terminal, plain lines otherwise, nothing when quiet. The
/// context that it hands out refers to it and also says when the user pressed Ctrl+C.
class ProgressPrinter {
 public:
  explicit ProgressPrinter(bool quiet);
  ~ProgressPrinter();
  ProgressPrinter(const ProgressPrinter&) = delete;
  ProgressPrinter& operator=(const ProgressPrinter&) = delete;

  RunContext context();
  /// A message between two states of the bar; not printed when quiet.
  void note(const std::string& text);

 private:
  using Clock = std::chrono::steady_clock;
  void show(const Progress& progress);
  void draw_bar(const Progress& progress);
  void draw_line(const Progress& progress);
  void clear_bar();
  std::string remaining(const Progress& progress);

  bool quiet_;
  bool terminal_;
  std::chrono::duration<double> line_interval_;  ///< HEADSCOPE_PROGRESS_SECONDS or 5
  bool bar_drawn_ = false;
  Clock::time_point last_shown_ = Clock::now();  // what is done at once needs no progress
  // Since when work of one size is watched, and what was done of it then.
  Clock::time_point watched_since_ = Clock::now();
  double watched_total_ = 0, done_before_ = 0;
};

}  // namespace headscope::cli
