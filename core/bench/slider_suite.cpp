#include "core/bench/slider_suite.h"

#include <algorithm>
#include <map>

#include "core/analysis/statistics.h"
#include "core/base/file.h"
#include "core/bench/bench_model.h"
#include "core/bench/machine.h"
#include "core/bench/rerun_task.h"
#include "core/demo_world/demo_world.h"
#include "core/runner/open_model.h"
#include "core/session/directions_file.h"

namespace headscope::bench {
namespace {

constexpr double kFrame = 16;    // milliseconds a preview may take
constexpr double kFollow = 100;  // from a move to the exact result, embedded model
constexpr double kDrop = 50;     // from a move until the run before it is gone
constexpr std::size_t kHeads = 20;

/// Values of all repetitions in milliseconds, and every repetition's median.
struct Pooled {
  std::vector<double> all, medians;

  void add(const Json& seconds) {
    std::vector<double> some;
    for (const double value : seconds) some.push_back(1e3 * value);
    if (some.empty()) return;
    medians.push_back(quantile(some, 0.5));
    all.insert(all.end(), some.begin(), some.end());
  }
  Json to_json() const {
    Json json = quantiles(all);
    if (!json.is_null()) json["medians"] = medians;
    return json;
  }
  double median() const { return all.empty() ? 0 : quantile(all, 0.5); }
  /// Share of values above `limit`.
  double share_above(double limit) const {
    const auto above = std::count_if(all.begin(), all.end(), [&](double v) { return v > limit; });
    return all.empty() ? 0 : double(above) / double(all.size());
  }
};

class SliderSuite {
 public:
  SliderSuite(const BenchOptions& options, const RunContext& context)
      : options_(options), bench_(options, context) {}

  Result<Json> run() {
    HEADSCOPE_TRY(prepare());
    Json report = bench_.report_head("sliders");
    using Part = Result<Json> (SliderSuite::*)();
    const std::map<std::string, Part> parts = {{"preview", &SliderSuite::preview},
                                               {"embedded", &SliderSuite::embedded},
                                               {"drop", &SliderSuite::drop},
                                               {"restart", &SliderSuite::restart}};
    for (const std::string& name : slider_parts) {
      if (!options_.parts.empty() && !options_.parts.contains(name)) continue;
      HEADSCOPE_ASSIGN(report[name], (this->*parts.at(name))());
      report[name]["load_average_after"] = load_average();
    }
    return report;
  }

 private:
  // The engine reads text, so the random checkpoint gets the embedded model's tokenizer.
  Result<> prepare() {
    HEADSCOPE_TRY(bench_.prepare());
    const auto& folder = bench_.model_folder();
    HEADSCOPE_TRY(write_file_atomically(folder / "tokenizer.json", demo_tokenizer_json()));
    HEADSCOPE_TRY(
        write_file_atomically(folder / "tokenizer_config.json", demo_tokenizer_config_json()));
    return write_directions(folder / "directions.safetensors",
                            random_directions(bench_.config(), options_.seed), new_passport());
  }

  std::int64_t tokens() const { return options_.quick ? 420 : 3996; }
  int few_tokens() const { return options_.quick ? 2 : 16; }

  Json task(const std::string& measure, int new_tokens, int repetition) const {
    return {{"task", "sliders"},
            {"measure", measure},
            {"model", bench_.model_folder().string()},
            {"threads", bench_.threads()},
            {"tokens", tokens()},
            {"new_tokens", new_tokens},
            {"heads", heads_from(0)},
            {"seed", options_.seed + static_cast<std::uint64_t>(repetition)}};
  }
  Json heads_from(int layer) const {
    return rerun_cell(bench_.config(), 0, layer, kHeads).at("heads");
  }

  /// `task` once a repetition, each in a process of its own.
  Result<std::vector<Json>> repeated(const std::string& what,
                                     const std::function<Json(int)>& task_of) const {
    std::vector<Json> results;
    for (int i = 0; i < options_.repetitions; ++i) {
      bench_.note(what + ", repetition " + std::to_string(i + 1) + " of " +
                  std::to_string(options_.repetitions));
      HEADSCOPE_ASSIGN(Json result, bench_.ours(task_of(i)));
      results.push_back(std::move(result));
    }
    return results;
  }

  static Pooled pooled(const std::vector<Json>& results, const char* name) {
    Pooled values;
    for (const Json& result : results) values.add(result.at(name));
    return values;
  }
  static int sum(const std::vector<Json>& results, const char* name) {
    int total = 0;
    for (const Json& result : results) total += result.at(name).get<int>();
    return total;
  }

  Result<Json> preview() {
    HEADSCOPE_ASSIGN(const auto results, repeated("live preview", [&](int i) {
                       Json one = task("preview", options_.quick ? 8 : 100, i);
                       one["count"] = options_.quick ? 3 : 60;
                       one["alphas"] = Json::array({0.1, 0.3});
                       one["taus"] = Json::array({0.5});
                       return one;
                     }));
    const Json& first = results.front();
    const Pooled alone = pooled(results, "alone"), computing = pooled(results, "computing"),
                 moved = pooled(results, "moved");
    Json part = {{"what", "milliseconds of one preview of the touched heads over all kept rows"},
                 {"heads", first.at("heads")},
                 {"rows", first.at("rows")},
                 {"keys", first.at("keys")},
                 {"alone_ms", alone.to_json()},
                 {"computing_ms", computing.to_json()},
                 {"moved_ms", moved.to_json()},
                 {"overtaken", sum(results, "overtaken")},
                 {"errors", first.at("errors")}};
    part["median_ms"] = figure(computing.median(), "median while the model computes on all threads",
                               bench_.at_most(kFrame));
    part["over_a_frame"] =
        figure(computing.share_above(kFrame), "share of those that took longer than 16 ms", {});
    return part;
  }

  Result<Json> embedded() {
    HEADSCOPE_ASSIGN(const auto results, repeated("moves on the embedded model", [&](int i) {
                       Json one = task("moves", options_.quick ? 8 : 100, i);
                       one.erase("heads");
                       one["model"] = kDemoModel;
                       one["top_k"] = 5;
                       one["count"] = options_.quick ? 3 : 60;
                       one["tokens"] = 0;
                       one["alphas"] = Json::array({0.1, 0.3, 0.6});
                       one["taus"] = Json::array({1.0, 0.5});
                       return one;
                     }));
    const Json& first = results.front();
    const Pooled exact = pooled(results, "exact"), estimate = pooled(results, "preview");
    Json part = {{"what",
                  "milliseconds from a move of alpha on the top 5 heads, rows all, to a snapshot "
                  "with the exact attention and answer, and to one with the preview"},
                 {"tokens", first.at("tokens")},
                 {"documents", first.at("documents")},
                 {"exact_ms", exact.to_json()},
                 {"preview_ms", estimate.to_json()},
                 {"exact_before_preview", exact.all.size() - estimate.all.size()},
                 {"errors", first.at("errors")}};
    part["median_ms"] =
        figure(exact.median(), "median to the exact result", bench_.at_most(kFollow));
    return part;
  }

  Result<Json> drop() {
    HEADSCOPE_ASSIGN(const auto results, repeated("dropping runs", [&](int i) {
                       Json one = task("drop", few_tokens(), i);
                       one["count"] = options_.quick ? 4 : 30;
                       return one;
                     }));
    const Pooled dropped = pooled(results, "dropped"), next = pooled(results, "next");
    Json part = {{"what",
                  "milliseconds from a move at a random moment of a run until that run has "
                  "returned, and until the next one has begun"},
                 {"tokens", tokens()},
                 {"dropped_ms", dropped.to_json()},
                 {"next_ms", next.to_json()},
                 {"finished_before", sum(results, "finished")}};
    if (!dropped.all.empty()) {
      part["worst_ms"] = figure(*std::max_element(dropped.all.begin(), dropped.all.end()),
                                "the slowest of them", bench_.at_most(kDrop));
    }
    return part;
  }

  std::vector<Json> restart_cells() const {
    const int last = bench_.config().layers - 1;
    std::vector<Json> cells;
    for (const char* rows : {"all", "response"}) {
      for (const int layer : {0, (last + 1) / 2, last}) {
        for (const char* slider : {"alpha", "tau"}) {
          cells.push_back({{"slider", slider},
                           {"first_layer", layer},
                           {"rows", rows},
                           {"heads", heads_from(layer)}});
        }
      }
    }
    return cells;
  }

  Result<Json> restart() {
    const std::vector<Json> cells = restart_cells();
    HEADSCOPE_ASSIGN(const auto results, repeated("restarts", [&](int i) {
                       Json one = task("restart", few_tokens(), i);
                       one["cells"] = cells;
                       return one;
                     }));
    std::vector<double> whole;
    for (const Json& result : results) whole.push_back(result.at("whole"));
    Json part = {{"what",
                  "seconds of a run that takes up what the baseline left, over those of the "
                  "baseline, new tokens among them"},
                 {"tokens", tokens()},
                 {"new_tokens", few_tokens()},
                 {"whole_seconds", spread(whole)}};
    for (std::size_t c = 0; c < cells.size(); ++c) {
      std::vector<double> seconds;
      for (const Json& result : results) seconds.push_back(result.at("cells").at(c));
      part["cells"].push_back(
          {{"slider", cells[c].at("slider")},
           {"first_layer", cells[c].at("first_layer")},
           {"rows", cells[c].at("rows")},
           {"seconds", spread(seconds)},
           {"of_whole", paired_ratio(seconds, whole, "time over that of the whole run", {})}});
    }
    return part;
  }

  const BenchOptions& options_;
  SideBySide bench_;
};

}  // namespace

Result<Json> run_slider_suite(const BenchOptions& options, const RunContext& context) {
  return run_in_work_folder(options, [&] { return SliderSuite(options, context).run(); });
}

}  // namespace headscope::bench
