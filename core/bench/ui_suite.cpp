#include "core/bench/ui_suite.h"

#include <cstdlib>
#include <map>
#include <optional>
#include <vector>

#include "core/analysis/statistics.h"
#include "core/base/process.h"
#include "core/base/run_trace.h"
#include "core/bench/machine.h"
#include "core/bench/measure.h"

namespace headscope::bench {
namespace {

constexpr double kBudget = 4;           // milliseconds at the 99th percentile
constexpr double kFrame = 1000.0 / 60;  // milliseconds from one picture to the next
constexpr double kGrowth = 1.3;         // long over short prompt
constexpr double kIdleShare = 0.01;     // of a core
constexpr double kStart = 1;            // seconds until the window is there
constexpr double kFirstMap = 1.5;       // from there to the first map, over loading libtorch
const char* const kBoth = "both";

/// Milliseconds of one phase, from all repetitions.
struct Times {
  std::vector<double> wall, cpu;
};
using Phases = std::map<std::string, Times>;

class UiSuite {
 public:
  UiSuite(const BenchOptions& options, const RunContext& context)
      : options_(options), context_(context) {
    window_ = std::filesystem::path(options.own_command.at(0)).parent_path() / "headscope";
  }

  Result<Json> run() {
    std::error_code ignored;
    if (!std::filesystem::exists(window_, ignored)) {
      return bad_input(window_.string() + ": the window's program is not beside this one");
    }
    Json report = {{"suite", "ui"}, {"quick", options_.quick}, {"machine", machine_facts(0)}};
    HEADSCOPE_ASSIGN(report["frames"], frames());
    HEADSCOPE_ASSIGN(report["start"], start());
    HEADSCOPE_ASSIGN(report["idle"], idle());
    report["load_average_after"] = load_average();
    return report;
  }

 private:
  std::optional<Goal> at_most(double limit) const {
    if (options_.quick) return std::nullopt;  // goals are about the real sizes
    return Goal{Goal::Kind::at_most, limit};
  }
  void note(const std::string& text) const {
    if (options_.note) options_.note(text);
  }

  Result<Json> ask(const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {window_.string()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    HEADSCOPE_ASSIGN(const ProcessResult result, run_process(command, {}, context_));
    if (result.exit_code != 0) {
      return bad_input(window_.string() + " " + arguments[0] + ": exit code " +
                       std::to_string(result.exit_code) + ": " + result.messages);
    }
    return parse_json(result.output, window_.filename().string());
  }

  Result<> add(std::int64_t tokens, Phases& phases, Json& about) {
    const int count = options_.quick ? 20 : 300;
    HEADSCOPE_ASSIGN(const Json found, ask({"--measure-frames", "--tokens", std::to_string(tokens),
                                            "--frames", std::to_string(count)}));
    for (const char* key : {"tokens", "heads", "vertices", "draw_calls"})
      about[key] = found.at(key);
    for (const auto& [name, times] : found.at("phases").items()) {
      for (const double ms : times.at("wall_ms")) phases[name].wall.push_back(ms);
      for (const double ms : times.at("cpu_ms")) phases[name].cpu.push_back(ms);
    }
    return {};
  }

  static Json phases_json(const Phases& phases, Json about) {
    for (const auto& [name, times] : phases) {
      about[name] = {{"wall_ms", quantiles(times.wall, "frames")},
                     {"cpu_ms", quantiles(times.cpu, "frames")}};
    }
    return about;
  }

  Result<Json> frames() {
    const std::int64_t many = options_.quick ? 3000 : 32'768, few = options_.quick ? 1000 : 4096;
    Phases of_many, of_few;
    Json about_many, about_few;
    for (int i = 0; i < options_.repetitions; ++i) {
      note("frames, repetition " + std::to_string(i + 1) + " of " +
           std::to_string(options_.repetitions));
      HEADSCOPE_TRY(add(many, of_many, about_many));
      HEADSCOPE_TRY(add(few, of_few, about_few));
    }
    const Times &both = of_many[kBoth], &both_few = of_few[kBoth];
    Json report = {{"what",
                    "milliseconds of the window's thread a frame, built and submitted without the "
                    "rasteriser, 60 frames a second"},
                   {"long", phases_json(of_many, about_many)},
                   {"short", phases_json(of_few, about_few)}};
    report["p99_ms"] = figure(
        quantile(both.wall, 0.99),
        "99th percentile while the map is panned and sliders move, long prompt", at_most(kBudget));
    report["p99_cpu_ms"] = figure(quantile(both.cpu, 0.99),
                                  "the same by the thread's processor time", at_most(kBudget));
    Json ratios;
    ratios["p99_of_frame"] = figure(quantile(both.wall, 0.99) / kFrame,
                                    "99th percentile over what 60 frames a second leave", {});
    ratios["long_over_short"] =
        figure(quantile(both.cpu, 0.5) / quantile(both_few.cpu, 0.5),
               "median processor time of a frame, long over short prompt", at_most(kGrowth));
    report["ratios"] = ratios;
    return report;
  }

  static std::optional<Json> no_display() {
    const auto is_set = [](const char* variable) {
      const char* value = std::getenv(variable);
      return value != nullptr && *value != '\0';
    };
    if (is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")) return std::nullopt;
    return Json{{"skipped", "no display"}};
  }

  Result<Json> start() {
    if (const auto skipped = no_display()) return *skipped;
    std::vector<double> window, loading, map;
    const int starts = options_.quick ? 1 : 3 * options_.repetitions;
    for (int i = 0; i <= starts; ++i) {
      note("the window starts, " + std::to_string(i) + " of " + std::to_string(starts));
      const double begin = static_cast<double>(trace_now()) * 1e-9;
      HEADSCOPE_ASSIGN(const Json found, ask({"--measure-start"}));
      if (i == 0) continue;  // it read its files from the disk
      const double shown = found.at("window").get<double>();
      window.push_back(shown - begin);
      map.push_back(found.at("heat_map").get<double>() - shown);
      loading.push_back(found.at("load_ended").get<double>() -
                        found.at("load_began").get<double>());
    }
    Json report = {{"window", spread(window)}, {"libtorch", spread(loading)}, {"map", spread(map)}};
    report["window_seconds"] =
        figure(quantile(window, 0.5), "from starting the program to its window's first picture",
               at_most(kStart));
    report["ratios"]["map_over_libtorch"] = paired_ratio(
        map, loading, "from the window to the embedded model's first map, over loading libtorch",
        at_most(kFirstMap));
    return report;
  }

  Result<Json> idle() {
    if (const auto skipped = no_display()) return *skipped;
    note("the window at rest");
    const double seconds = options_.quick ? 0.5 : 5;
    HEADSCOPE_ASSIGN(Json found, ask({"--measure-idle", std::to_string(seconds)}));
    found["share"] =
        figure(found.at("cpu_seconds").get<double>() / seconds,
               "processor time of the whole program at rest, of one core", at_most(kIdleShare));
    return found;
  }

  const BenchOptions& options_;
  const RunContext& context_;
  std::filesystem::path window_;
};

}  // namespace

Result<Json> run_ui_suite(const BenchOptions& options, const RunContext& context) {
  return run_in_work_folder(options, [&] { return UiSuite(options, context).run(); });
}

}  // namespace headscope::bench
