// From command line to closed window.
#pragma once

#include <string>

#include "app/views/app_state.h"
#include "core/engine/engine.h"

namespace headscope {

/// Command line of the window (cli.md).
struct RunOptions {
  std::string model, adapter, prompt_file, data, session, compare_heads, lesson;
  std::string file;           ///< anything that can be opened; what it is follows from its content
  std::string theme;          ///< empty = the user's
  float scale = 0;            ///< 0 = the monitor's
  int width = 0, height = 0;  ///< in units; 0 = the user's
  std::string screenshot;     ///< PNG to write, then exit
  std::string device = "auto", dtype = "auto";
  int threads = 0;
  bool builtin_font = false;
  /// Seconds at rest after which the processor time is printed, then exit.
  double measure_idle = 0;
  bool measure_start = false;  ///< print the moments of the start, then exit
};

/// What differs between the program and its tests.
struct Parts {
  Engine::RunnerFactory make_runner;
  SampleSource samples;  ///< may be empty
};

/// Opens the window and runs it until it is closed. Returns the exit code; messages go to stderr.
int run_window(const RunOptions& options, const Parts& parts);

}  // namespace headscope
