// bench: figures as ratios measured side by side in the same run.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "app/cli/command_line.h"
#include "app/cli/options.h"
#include "app/cli/output.h"
#include "app/cli/terminal.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/platform.h"
#include "core/bench/directions_suite.h"
#include "core/bench/engine_suite.h"
#include "core/bench/growth_suite.h"
#include "core/bench/limits_suite.h"
#include "core/bench/peers_suite.h"
#include "core/bench/slider_suite.h"
#include "core/bench/sweep_suite.h"
#include "core/bench/tasks.h"
#include "core/bench/ui_suite.h"
#include "core/runner/open_model.h"

namespace headscope::cli {
namespace fs = std::filesystem;

namespace {

struct Options : CommonOptions {
  std::string suite = "engine";
  std::vector<std::string> parts;
  bool quick = false;
  int repetitions = 3;
  std::string work;
  std::string peers;
  bool no_peers = false;
  std::vector<std::string> tokenizers;
  std::string data;
  std::string task;  ///< of a measuring process; empty in what the user starts
};

/// A folder that goes with everything in it, unless the user named one.
class WorkFolder {
 public:
  static Result<WorkFolder> make(const std::string& wanted) {
    if (!wanted.empty()) return WorkFolder(wanted, false);
    std::error_code problem;
    fs::path made = platform::make_temporary_folder("headscope-bench", problem);
    if (problem) {
      return bad_input(made.string() + ": no temporary folder can be made (" + problem.message() +
                       "); name one with --work");
    }
    return WorkFolder(std::move(made), true);
  }
  WorkFolder(WorkFolder&& other) noexcept : path_(other.path_), passing_(other.passing_) {
    other.passing_ = false;
  }
  ~WorkFolder() {
    std::error_code ignored;
    if (passing_) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  WorkFolder(fs::path path, bool passing) : path_(std::move(path)), passing_(passing) {}
  fs::path path_;
  bool passing_;
};

Result<> measure(const Options& options) {
  HEADSCOPE_ASSIGN(const Json task, read_json_file(options.task));
  RunContext context;
  context.is_cancelled = interrupted;
  HEADSCOPE_ASSIGN(const Json result, bench::run_task(task, context));
  return write_json(result, "");
}

/// A suite that can be run, and what it can be asked for.
struct Suite {
  const char* name;
  Result<Json> (*run)(const bench::BenchOptions&, const RunContext&);
  std::vector<std::string> parts;
};

const std::vector<Suite> kThere = {{"engine", bench::run_engine_suite, bench::engine_parts},
                                   {"directions", bench::run_directions_suite, {}},
                                   {"peers", bench::run_peers_suite, bench::peers_parts},
                                   {"sweep", bench::run_sweep_suite, bench::sweep_parts},
                                   {"growth", bench::run_growth_suite, bench::growth_parts},
                                   {"ui", bench::run_ui_suite, {}},
                                   {"sliders", bench::run_slider_suite, bench::slider_parts},
                                   {"limits", bench::run_limits_suite, bench::limits_parts}};

const Suite* suite_named(const std::string& name) {
  for (const Suite& suite : kThere) {
    if (suite.name == name) return &suite;
  }
  return nullptr;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::vector<std::string> suite_names() {
  std::vector<std::string> names;
  for (const Suite& suite : kThere) names.emplace_back(suite.name);
  return names;
}

Result<> check_parts(const Options& options) {
  const std::vector<std::string>& parts = suite_named(options.suite)->parts;
  for (const std::string& part : options.parts) {
    if (std::find(parts.begin(), parts.end(), part) != parts.end()) continue;
    return fail(ErrorKind::usage, "bench --parts " + part + ": the suite " + options.suite +
                                      " has " + (parts.empty() ? "no parts" : joined(parts)));
  }
  return {};
}

Result<> check(const Options& options) {
  HEADSCOPE_TRY(check_parts(options));
  if (options.device == "cuda") {
    return fail(ErrorKind::usage, "bench --device cuda: not there yet; only the CPU is measured");
  }
  if (options.dtype != "auto" && options.dtype != "float32") {
    return fail(ErrorKind::usage, "bench --dtype " + options.dtype +
                                      ": not there yet; engines are compared in float32");
  }
  return {};
}

Result<bench::BenchOptions> suite_options(const Options& options, const fs::path& work,
                                          const RunContext& context) {
  bench::BenchOptions suite;
  suite.quick = options.quick;
  suite.parts = {options.parts.begin(), options.parts.end()};
  suite.repetitions = options.repetitions;
  suite.threads = options.threads;
  suite.seed = options.seed;
  suite.work = work;
  suite.tokenizers = {options.tokenizers.begin(), options.tokenizers.end()};
  suite.data = options.data;
  HEADSCOPE_ASSIGN(suite.demo, model_folder(kDemoModel));
  HEADSCOPE_ASSIGN(const fs::path folder, executable_folder());
  suite.own_command = {(folder / "headscope-cli").string(), "bench", "--measure"};
  suite.peers = options.no_peers ? bench::no_peers("switched off by --no-peers")
                                 : bench::find_peers(options.peers, context);
  return suite;
}

// Whatever has a goal, with the path to it: "scores.ratios.memory_below_eager 11.9 ...".
void print_goals(const Json& part, const std::string& path, ProgressPrinter& progress) {
  if (!part.is_object()) return;
  if (part.contains("goal")) {
    char value[32];
    std::snprintf(value, sizeof value, "%.3g", part.value("median", part.value("value", 0.0)));
    progress.note(path + " " + value + " (" + part.at("goal").get<std::string>() +
                  (part.at("met").get<bool>() ? ": met)" : ": NOT met)"));
  }
  for (const auto& [name, value] : part.items()) {
    print_goals(value, path.empty() ? name : path + "." + name, progress);
  }
}

Result<> run_bench(const Options& options) {
  if (!options.task.empty()) return measure(options);
  HEADSCOPE_TRY(check(options));
  ProgressPrinter progress(options.quiet);
  const RunContext context = progress.context();
  HEADSCOPE_ASSIGN(const auto work, WorkFolder::make(options.work));
  HEADSCOPE_ASSIGN(auto suite, suite_options(options, work.path(), context));
  suite.note = [&progress](const std::string& text) { progress.note("bench: " + text); };
  HEADSCOPE_ASSIGN(const Json report, suite_named(options.suite)->run(suite, context));
  print_goals(report, "", progress);
  return write_result("bench", report, options.out);
}

}  // namespace

void add_bench(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command = line.add("bench", "speed and memory, measured beside other programs",
                               [options] { return run_bench(*options); });
  command->add_option("--suite", options->suite, "what is compared")
      ->check(CLI::IsMember(suite_names()))
      ->capture_default_str();
  command->add_option("--parts", options->parts, "parts of the suite, separated by commas")
      ->delimiter(',');
  command->add_flag("--quick", options->quick,
                    "a tiny model and few tokens: no figures worth much");
  command->add_option("--repetitions", options->repetitions, "of each measurement")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  command->add_option("--work", options->work, "folder to keep the random checkpoint in");
  command->add_option("--peers", options->peers, "folder of the peers' scripts (tests/peers)");
  command->add_flag("--no-peers", options->no_peers, "measure our side only");
  command->add_option("--tokenizer", options->tokenizers,
                      "folder with a tokenizer.json to time (default: the embedded model's)");
  command->add_option("--data", options->data, "data set whose prompts are tokenised");
  command->add_option("--measure", options->task, "what a measuring process does")->group("");
  add_common(*command, *options);
}

}  // namespace headscope::cli
