#include "app/cli/cli.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "app/cli/command_line.h"
#include "app/cli/help.h"
#include "app/cli/made_by.h"
#include "app/cli/terminal.h"
#include "app/help_format.h"
#include "core/base/version.h"

namespace headscope::cli {
namespace {

constexpr int kUsage = exit_code(ErrorKind::usage);
constexpr int kDefect = exit_code(ErrorKind::internal);

void add_commands(CommandLine& line) {
  for (const auto add :
       {add_version,    add_selftest,  add_info,       add_tokenize,         add_generate,
        add_attention,  add_score,     add_compare,    add_train_directions, add_convert_directions,
        add_train_demo, add_demo_data, add_suite_data, add_positions,        add_evaluate,
        add_render,     add_sweep,     add_control,    add_reproduce,        add_repeat,
        add_figures,    add_bench,     add_causal,     add_auto_alpha,       add_lens,
        add_tune,       add_report}) {
    add(line);
  }
}

int report(const Error& error) {
  print_message("headscope-cli: " + error.message);
  return exit_code(error.kind);
}

// The arguments in the order that CLI11 takes them (last first). It reads "--text=" as an option
// whose value is still to come, so an empty value becomes an argument of its own.
std::vector<std::string> reversed_arguments(int argc, const char* const* argv) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument.starts_with("--") && argument.find('=') == argument.size() - 1) {
      arguments.push_back(argument.substr(0, argument.size() - 1));
      argument.clear();
    }
    arguments.push_back(std::move(argument));
  }
  std::reverse(arguments.begin(), arguments.end());
  return arguments;
}

// CLI11 says of "headscope-cli frob" only that a command is missing.
Result<> check_command(const CLI::App& app, const std::vector<std::string>& reversed) {
  if (reversed.empty() || reversed.back().starts_with("-")) return {};
  const std::string& name = reversed.back();
  const auto named = [&name](const CLI::App* command) { return command->get_name() == name; };
  if (!app.get_subcommands(named).empty()) return {};
  return fail(ErrorKind::usage, "no command '" + name + "'; headscope-cli --help lists them");
}

int parse_and_run(int argc, const char* const* argv) {
  CLI::App app(
      "Shows which attention heads of a language model read the relevant part of a prompt, and "
      "what "
      "happens when they read it more",
      "headscope-cli");
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_version_flag("--version", std::string("headscope ") + kVersion);
  app.require_subcommand(1);
  CommandLine line{app, {}};
  add_commands(line);
  describe_commands(app);
  std::vector<std::string> arguments = reversed_arguments(argc, argv);
  if (const auto known = check_command(app, arguments); !known) return report(known.error());
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    const bool asked_for_help = error.get_exit_code() == 0;
    app.exit(error);
    return asked_for_help ? 0 : kUsage;
  }
  catch_interrupts();
  note_command(*app.get_subcommands().front());
  const Result<> outcome = line.chosen();
  if (interrupted() && (outcome || outcome.error().kind == ErrorKind::cancelled)) {
    return report({ErrorKind::cancelled, "interrupted; what was finished is kept"});
  }
  return outcome ? 0 : report(outcome.error());
}

}  // namespace

int run(int argc, const char* const* argv) {
  try {
    return parse_and_run(argc, argv);
  } catch (const std::bad_alloc&) {
    return report({ErrorKind::out_of_memory, "out of memory"});
  } catch (const std::exception& error) {
    return report({ErrorKind::internal, std::string("unexpected: ") + error.what()});
  } catch (...) {
    std::fputs("headscope-cli: unexpected exception\n", stderr);
    return kDefect;
  }
}

}  // namespace headscope::cli
