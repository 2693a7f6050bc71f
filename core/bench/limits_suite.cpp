#include "core/bench/limits_suite.h"

#include <algorithm>
#include <map>

#include "core/analysis/statistics.h"
#include "core/bench/bench_model.h"
#include "core/bench/machine.h"

namespace headscope::bench {
namespace {

constexpr double kSpeedGoal = 1.3, kMemoryGoal = 1.15;

std::vector<double> numbers(const Json& result, const char* name) {
  return result.at(name).get<std::vector<double>>();
}

std::vector<double> sums(std::vector<double> a, const std::vector<double>& b) {
  std::transform(a.begin(), a.end(), b.begin(), a.begin(), std::plus<>());
  return a;
}

std::vector<double> rates(double work, const std::vector<double>& seconds) {
  std::vector<double> all;
  for (const double s : seconds) all.push_back(work / s);
  return all;
}

class LimitsSuite {
 public:
  LimitsSuite(const BenchOptions& options, const RunContext& context)
      : options_(options), bench_(options, context) {}

  Result<Json> run() {
    HEADSCOPE_TRY(bench_.prepare());
    Json report = bench_.report_head("limits");
    using Part = Result<Json> (LimitsSuite::*)();
    const std::map<std::string, Part> parts = {{"speed", &LimitsSuite::speed},
                                               {"dtypes", &LimitsSuite::dtypes},
                                               {"memory", &LimitsSuite::memory}};
    for (const std::string& name : limits_parts) {
      if (!options_.parts.empty() && !options_.parts.contains(name)) continue;
      HEADSCOPE_ASSIGN(report[name], (this->*parts.at(name))());
      report[name]["load_average_after"] = load_average();
    }
    return report;
  }

 private:
  std::int64_t tokens() const { return options_.quick ? 256 : 4096; }
  /// Fewer: without bfloat16 arithmetic a prefill takes twenty times as long.
  std::int64_t few_tokens() const { return options_.quick ? 128 : 512; }

  Json task(const std::string& measure, const std::string& dtype, std::int64_t tokens) const {
    Json json = bench_.pass_task("limits", tokens, 0);
    json["measure"] = measure;
    json["dtype"] = dtype;
    json["new_tokens"] = options_.quick ? 4 : 48;
    json["repetitions"] = options_.repetitions;
    return json;
  }

  /// One dtype's figures; goals are float32's, since bfloat16 is a choice.
  Json speed_json(const Json& result, bool with_goals) const {
    const auto goal = with_goals ? bench_.at_most(kSpeedGoal) : std::nullopt;
    const auto prefill = numbers(result, "prefill"), products = numbers(result, "products"),
               attention = numbers(result, "attention"), token = numbers(result, "token"),
               reading = numbers(result, "reading");
    const auto limit = sums(products, attention);
    return {
        {"prefill",
         {{"seconds", spread(prefill)},
          {"products_seconds", spread(products)},
          {"attention_seconds", spread(attention)},
          {"tokens_per_second", spread(rates(result.at("tokens"), prefill))},
          {"products_per_second", spread(rates(result.at("product_operations"), products))},
          {"attention_per_second", spread(rates(result.at("attention_operations"), attention))},
          {"over_limit",
           paired_ratio(prefill, limit,
                        "time of the prefill over that of its matrix products and attention bare",
                        goal)},
          {"share_of_limit",
           paired_ratio(limit, prefill, "what is reached of the machine's limit", {})}}},
        {"decode",
         {{"seconds_per_token", spread(token)},
          {"tokens_per_second", spread(rates(1, token))},
          {"reading_seconds", spread(reading)},
          {"bytes_per_token", result.at("bytes")},
          {"bytes_per_second", spread(rates(result.at("bytes"), reading))},
          {"over_limit",
           paired_ratio(token, reading, "time of a token over that of reading its weights once",
                        goal)},
          {"share_of_limit",
           paired_ratio(reading, token, "what is reached of the machine's limit", {})}}}};
  }

  Result<Json> speed() {
    bench_.note("float32 and its limits");
    HEADSCOPE_ASSIGN(const Json found, bench_.ours(task("speed", "float32", tokens())));
    Json part = speed_json(found, true);
    part["what"] =
        "one prefill and single tokens in float32 over the least time that their matrix products, "
        "their attention and their weights take on this machine";
    part["tokens"] = tokens();
    return part;
  }

  Result<Json> dtypes() {
    Json part = {{"what", "the same in float32 and in bfloat16 over a shorter prompt"},
                 {"tokens", few_tokens()}};
    std::map<std::string, Json> found;
    for (const std::string dtype : {"float32", "bfloat16"}) {
      bench_.note(dtype + " over " + std::to_string(few_tokens()) + " tokens");
      HEADSCOPE_ASSIGN(found[dtype], bench_.ours(task("speed", dtype, few_tokens())));
      part[dtype] = speed_json(found[dtype], false);
    }
    const auto ratio = [&](const char* name, const char* what) {
      return paired_ratio(numbers(found["bfloat16"], name), numbers(found["float32"], name), what,
                          {});
    };
    part["ratios"] = {
        {"prefill", ratio("prefill", "time of the prefill, bfloat16 over float32")},
        {"products", ratio("products", "bare matrix products, bfloat16 over float32")},
        {"token", ratio("token", "time of a token, bfloat16 over float32")}};
    return part;
  }

  Result<Json> memory() {
    const ModelConfig small = bench_model_config(true);
    const auto folder = bench_.file("small-model");
    HEADSCOPE_TRY(make_bench_checkpoint(small, options_.seed, folder));
    Json part = {{"what",
                  "peak memory of loading and one run beyond what the program took before, "
                  "over the weights and the keys and values of all tokens"}};
    for (const std::string dtype : {"float32", "bfloat16"}) {
      bench_.note("memory in " + dtype);
      const bool wide = dtype == "float32";
      Json asked = task("memory", dtype, wide ? tokens() : few_tokens());
      asked["small_model"] = folder.string();
      HEADSCOPE_ASSIGN(Json found, bench_.ours(asked));
      const double before = found.at("before_bytes"), weights = found.at("weights_bytes"),
                   declared = weights + found.at("cache_bytes").get<double>();
      found["tokens"] = asked.at("ids").size();
      found["over_declared"] =
          figure((found.at("peak_bytes").get<double>() - before) / declared,
                 "peak over weights and caches", wide ? bench_.at_most(kMemoryGoal) : std::nullopt);
      found["loaded_over_weights"] =
          figure((found.at("loaded_bytes").get<double>() - before) / weights,
                 "what loading leaves, over the weights", {});
      part[dtype] = std::move(found);
    }
    return part;
  }

  const BenchOptions& options_;
  SideBySide bench_;
};

}  // namespace

Result<Json> run_limits_suite(const BenchOptions& options, const RunContext& context) {
  return run_in_work_folder(options, [&] { return LimitsSuite(options, context).run(); });
}

}  // namespace headscope::bench
