// How a command registers itself: its options, and what to do once they are read.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <utility>

#include "core/base/error.h"

namespace headscope::cli {

/// The command line being built, and the action of the command that was chosen on it.
struct CommandLine {
  using Action = std::function<Result<>()>;
  CLI::App& app;
  Action chosen;

  /// A new subcommand; `action` runs after the whole line was read.
  CLI::App* add(const std::string& name, const std::string& description, Action action) {
    CLI::App* command = app.add_subcommand(name, description);
    command->callback([this, action = std::move(action)] { chosen = action; });
    return command;
  }
};

void add_version(CommandLine& line);
void add_selftest(CommandLine& line);
void add_info(CommandLine& line);
void add_tokenize(CommandLine& line);
void add_generate(CommandLine& line);
void add_attention(CommandLine& line);
void add_score(CommandLine& line);
void add_compare(CommandLine& line);
void add_train_directions(CommandLine& line);
void add_convert_directions(CommandLine& line);
void add_train_demo(CommandLine& line);
void add_demo_data(CommandLine& line);
void add_evaluate(CommandLine& line);
void add_suite_data(CommandLine& line);
void add_positions(CommandLine& line);
void add_render(CommandLine& line);
void add_sweep(CommandLine& line);
void add_control(CommandLine& line);
void add_reproduce(CommandLine& line);
void add_repeat(CommandLine& line);
void add_figures(CommandLine& line);
void add_bench(CommandLine& line);
void add_causal(CommandLine& line);
void add_auto_alpha(CommandLine& line);
void add_lens(CommandLine& line);
void add_tune(CommandLine& line);
void add_report(CommandLine& line);

}  // namespace headscope::cli
