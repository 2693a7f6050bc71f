#include "core/bench/growth_suite.h"

#include <cmath>
#include <limits>
#include <map>

#include "core/base/json_number.h"
#include "core/bench/bench_model.h"

namespace headscope::bench {
namespace {

/// What is kept of a pass, from nothing to the whole map of one head.
struct Policy {
  const char* name;
  const char* what;
};
constexpr Policy kPolicies[] = {
    {"nothing", "the pass alone: fused attention, no capture"},
    {"spans", "mass of every head on every document and the sink, at the response rows"},
    {"rows", "weights of every head at the response rows"},
    {"map", "the whole map of one head of the last layer, pooled where it is large"}};

/// Exponent b of y = a x^b by least squares of the logarithms; NaN where a value is not positive.
double exponent(const std::vector<double>& x, const std::vector<double>& y) {
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (y[i] <= 0) return std::numeric_limits<double>::quiet_NaN();
    const double a = std::log(x[i]), b = std::log(y[i]);
    sx += a, sy += b, sxx += a * a, sxy += a * b;
  }
  const auto n = static_cast<double>(x.size());
  return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

/// One curve over x.
struct Growth {
  std::vector<double> x, seconds, bytes;

  void add(double at, const Json& result) {
    x.push_back(at);
    seconds.push_back(result.at("seconds"));
    bytes.push_back(result.at("peak_bytes").get<double>() -
                    result.at("loaded_bytes").get<double>());
  }
  Json to_json(const std::string& name, const std::string& what) const {
    return {{"name", name},
            {"what", what},
            {"x", x},
            {"seconds", seconds},
            {"run_bytes", bytes},
            {"time_exponent", json_number(exponent(x, seconds))},
            {"memory_exponent", json_number(exponent(x, bytes))}};
  }
};

class GrowthSuite {
 public:
  GrowthSuite(const BenchOptions& options, const RunContext& context)
      : options_(options), bench_(options, context) {}

  Result<Json> run() {
    HEADSCOPE_TRY(bench_.prepare());
    Json report = bench_.report_head("growth");
    using Part = Result<Json> (GrowthSuite::*)();
    const std::map<std::string, Part> parts = {{"tokens", &GrowthSuite::tokens},
                                               {"heads", &GrowthSuite::heads},
                                               {"documents", &GrowthSuite::documents},
                                               {"samples", &GrowthSuite::samples}};
    const auto run_part = [&](const std::string& name) { return (this->*parts.at(name))(); };
    HEADSCOPE_TRY(bench_.run_parts(growth_parts, run_part, report));
    return report;
  }

 private:
  std::int64_t rows() const { return options_.quick ? 8 : 100; }
  std::int64_t usual_tokens() const { return options_.quick ? 128 : 2048; }

  Result<Json> measure(Json task, const std::string& policy, const std::string& x_text) const {
    bench_.note(policy + " at " + x_text);
    task["capture"] = policy;
    return bench_.ours(task);
  }

  // Processes for the policies take turns at each length, so that a slow while slows all of them.
  Result<Json> tokens() {
    const std::vector<std::int64_t> lengths =
        options_.quick ? std::vector<std::int64_t>{64, 128, 256}
                       : std::vector<std::int64_t>{512, 1024, 2048, 4096, 8192, 16'384};
    std::map<std::string, Growth> curves;
    for (const std::int64_t length : lengths) {
      const Json task = bench_.pass_task("pass", length, rows());
      for (const Policy& policy : kPolicies) {
        HEADSCOPE_ASSIGN(const Json result,
                         measure(task, policy.name, std::to_string(length) + " tokens"));
        curves[policy.name].add(double(length), result);
      }
    }
    Json part = {{"what", "one pass against the number of tokens"}, {"unit", "tokens"}};
    for (const Policy& policy : kPolicies)
      part["curves"].push_back(curves.at(policy.name).to_json(policy.name, policy.what));
    judge_tokens(part, curves);
    return part;
  }

  // Sums need no more memory at 16k tokens than at 512 beside what the pass itself takes.
  void judge_tokens(Json& part, const std::map<std::string, Growth>& curves) const {
    const Growth& plain = curves.at("nothing");
    const double own = exponent(plain.x, plain.seconds);
    for (const char* name : {"spans", "rows"}) {
      const Growth& curve = curves.at(name);
      part["ratios"][std::string(name) + "_time_exponent_beyond_the_pass"] =
          figure(exponent(curve.x, curve.seconds) - own,
                 "fitted exponent of the time less that of a pass that captures nothing",
                 bench_.at_most(0.1));
    }
    const double cache = 4.0 * 2 * bench_.config().layers * bench_.config().kv_heads *
                         double(bench_.config().head_dim) * plain.x.back();
    part["ratios"]["spans_memory_beyond_the_pass"] =
        figure((curves.at("spans").bytes.back() - plain.bytes.back()) / cache,
               "memory of the longest pass with span sums less that of one without, in units of "
               "that length's keys and values",
               bench_.at_most(0.25));
  }

  // The same hidden size and number of layers, cut into more and smaller heads.
  Result<Json> heads() {
    Growth plain, spans;
    for (const int count :
         options_.quick ? std::vector<int>{2, 4, 8} : std::vector<int>{4, 8, 16, 32}) {
      ModelConfig config = bench_.config();
      config.layers = options_.quick ? 2 : 4;
      config.heads = count;
      config.kv_heads = count / 2;
      config.head_dim = (options_.quick ? 64 : 512) / count;
      config.hidden_size = std::int64_t{config.heads} * config.head_dim;
      const auto folder = bench_.file("heads-" + std::to_string(count));
      HEADSCOPE_TRY(make_bench_checkpoint(config, options_.seed, folder));
      Json task = bench_.pass_task("pass", usual_tokens(), rows());
      task["model"] = folder.string();
      const std::string text = std::to_string(count) + " heads a layer";
      HEADSCOPE_ASSIGN(const Json without, measure(task, "nothing", text));
      HEADSCOPE_ASSIGN(const Json with, measure(task, "spans", text));
      plain.add(count, without);
      spans.add(count, with);
    }
    return Json{
        {"what", "one pass against the number of heads a layer, hidden size unchanged"},
        {"unit", "heads a layer"},
        {"curves",
         {plain.to_json("nothing", kPolicies[0].what), spans.to_json("spans", kPolicies[1].what)}}};
  }

  Result<Json> documents() {
    Growth spans;
    const std::int64_t tokens = usual_tokens();
    for (const int count :
         options_.quick ? std::vector<int>{2, 8, 16} : std::vector<int>{5, 20, 80, 320}) {
      Json task = bench_.pass_task("pass", tokens, rows());
      const std::int64_t length = (tokens - rows()) / count;
      task["sets"] = Json::array();
      for (int d = 0; d < count; ++d)
        task["sets"].push_back(pair_json({d * length, (d + 1) * length}));
      HEADSCOPE_ASSIGN(const Json result,
                       measure(task, "spans", std::to_string(count) + " documents"));
      spans.add(count, result);
    }
    return Json{{"what", "one pass with span sums against the number of documents, same tokens"},
                {"unit", "documents"},
                {"curves", {spans.to_json("spans", kPolicies[1].what)}}};
  }

  Result<Json> samples() {
    Growth spans;
    for (const int count :
         options_.quick ? std::vector<int>{1, 2, 4} : std::vector<int>{1, 2, 4, 8}) {
      Json task = bench_.pass_task("pass", usual_tokens(), rows());
      task["samples"] = count;
      HEADSCOPE_ASSIGN(const Json result,
                       measure(task, "spans", std::to_string(count) + " samples"));
      spans.add(count, result);
    }
    return Json{{"what", "passes one after the other with span sums"},
                {"unit", "samples"},
                {"curves", {spans.to_json("spans", kPolicies[1].what)}}};
  }

  const BenchOptions& options_;
  SideBySide bench_;
};

}  // namespace

Result<Json> run_growth_suite(const BenchOptions& options, const RunContext& context) {
  return run_in_work_folder(options, [&] { return GrowthSuite(options, context).run(); });
}

}  // namespace headscope::bench
