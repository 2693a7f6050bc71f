#include "core/bench/sweep_suite.h"

#include <map>
#include <numeric>

#include "core/bench/rerun_task.h"

namespace headscope::bench {
namespace {

class SweepSuite {
 public:
  SweepSuite(const BenchOptions& options, const RunContext& context)
      : options_(options), bench_(options, context) {}

  Result<Json> run() {
    HEADSCOPE_TRY(bench_.prepare());
    HEADSCOPE_TRY(write_random_directions(bench_.config(), options_.seed,
                                          bench_.file("directions.safetensors").string()));
    Json report = bench_.report_head("sweep");
    const int last = bench_.config().layers - 1;
    const std::map<std::string, int> layers = {
        {"first_layer", 0}, {"middle_layer", (last + 1) / 2}, {"last_layer", last}};
    const auto run_part = [&](const std::string& name) { return grid(layers.at(name)); };
    HEADSCOPE_TRY(bench_.run_parts(sweep_parts, run_part, report));
    return report;
  }

 private:
  Json task(int first_layer) const {
    Json json = bench_.pass_task("rerun", options_.quick ? 96 : 2048, 0);
    json["new_tokens"] = options_.quick ? 4 : 16;
    json["rows_from"] = 0;
    json["directions_file"] = bench_.file("directions.safetensors").string();
    json["cells"] = rerun_grid(bench_.config(), first_layer);
    return json;
  }

  Result<Json> grid(int first_layer) const {
    Json together = task(first_layer), alone = task(first_layer);
    together["attention_file"] = bench_.file("together.safetensors").string();
    alone["attention_file"] = bench_.file("alone.safetensors").string();
    alone["alone"] = true;
    std::vector<double> shared, separate;
    Json first, second;
    for (int i = 0; i < options_.repetitions; ++i) {
      bench_.note("grid from layer " + std::to_string(first_layer) + " on, repetition " +
                  std::to_string(i + 1) + " of " + std::to_string(options_.repetitions));
      HEADSCOPE_ASSIGN(first, bench_.ours(together));
      HEADSCOPE_ASSIGN(second, bench_.ours(alone));
      shared.push_back(with_baseline(first));
      separate.push_back(with_baseline(second));
    }
    const double all = first.at("all_layer_rows");
    const auto rows = first.at("layer_rows").get<std::vector<double>>();
    const double bound =
        all * double(rows.size() + 1) / (all + std::accumulate(rows.begin(), rows.end(), 0.0));
    HEADSCOPE_ASSIGN(const bool same, same_bits());
    return Json{
        {"what", "an alpha x k grid over one prompt, rows all, with the baseline"},
        {"first_touched_layer", first_layer},
        {"cells", rows.size()},
        {"together", {{"seconds", spread(shared)}, {"layer_rows", first.at("layer_rows")}}},
        {"alone", {{"seconds", spread(separate)}, {"layer_rows", second.at("layer_rows")}}},
        {"agreement",
         {{"same_tokens", first.at("tokens") == second.at("tokens")}, {"same_bits", same}}},
        {"ratios",
         {{"alone_over_together",
           paired_ratio(separate, shared, "time of the cells one by one over that of all together",
                        {})},
          {"bound",
           figure(bound, "the same by rows and layers of the prompt: no sharing can do better",
                  {})}}}};
  }

  static double with_baseline(const Json& result) {
    const auto cells = result.at("seconds").get<std::vector<double>>();
    return std::accumulate(cells.begin(), cells.end(), result.at("baseline_seconds").get<double>());
  }

  Result<bool> same_bits() const {
    HEADSCOPE_ASSIGN(const auto together, bench_.tensor("together.safetensors", "attention"));
    HEADSCOPE_ASSIGN(const auto alone, bench_.tensor("alone.safetensors", "attention"));
    return together == alone;
  }

  const BenchOptions& options_;
  SideBySide bench_;
};

}  // namespace

Result<Json> run_sweep_suite(const BenchOptions& options, const RunContext& context) {
  return run_in_work_folder(options, [&] { return SweepSuite(options, context).run(); });
}

}  // namespace headscope::bench
