#include "core/bench/engine_suite.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <thread>

#include "core/analysis/statistics.h"
#include "core/base/file.h"
#include "core/base/head_json.h"
#include "core/base/units.h"
#include "core/bench/bench_model.h"
#include "core/bench/bench_texts.h"
#include "core/bench/machine.h"
#include "core/bench/measure.h"
#include "core/model/estimate.h"
#include "core/model/memory.h"

namespace headscope::bench {
namespace fs = std::filesystem;

namespace {

constexpr double kSameQuantity = 1e-4;  // scores that differ by more are not the same work

/// What one engine measured over the repetitions.
struct Series {
  explicit Series(std::string meaning) : what(std::move(meaning)) {}

  std::string what;
  std::vector<double> seconds, peak, loaded, run_memory;
  double longest_gap = 0;
  std::string skipped;  ///< why there is nothing

  void add(const Json& result) {
    seconds.push_back(result.at("seconds"));
    peak.push_back(result.at("peak_bytes"));
    loaded.push_back(result.at("loaded_bytes"));
    run_memory.push_back(peak.back() - loaded.back());
    longest_gap = std::max(longest_gap, result.value("longest_poll_gap", 0.0));
  }
  Json to_json() const {
    Json json = {{"what", what}};
    if (!skipped.empty()) json["skipped"] = skipped;
    if (seconds.empty()) return json;
    json["seconds"] = spread(seconds);
    json["peak_bytes"] = spread(peak);
    json["loaded_bytes"] = spread(loaded);
    return json;
  }
};

double median(const std::vector<double>& values) {
  return quantile(values, 0.5);
}

class EngineSuite {
 public:
  EngineSuite(const BenchOptions& options, const RunContext& context)
      : options_(options), bench_(options, context), config_(bench_.config()) {}

  Result<Json> run() {
    HEADSCOPE_TRY(bench_.prepare());
    Json report = bench_.report_head("engine");
    using Part = Result<Json> (EngineSuite::*)();
    const std::map<std::string, Part> parts = {{"scores", &EngineSuite::scores},
                                               {"interventions", &EngineSuite::interventions},
                                               {"tokenizers", &EngineSuite::tokenizers},
                                               {"long", &EngineSuite::long_context}};
    const auto run_part = [&](const std::string& name) { return (this->*parts.at(name))(); };
    HEADSCOPE_TRY(bench_.run_parts(engine_parts, run_part, report));
    return report;
  }

 private:
  std::int64_t tokens() const { return options_.quick ? 128 : 4096; }
  std::int64_t long_tokens() const { return options_.quick ? 512 : 32'768; }
  std::int64_t rows() const { return options_.quick ? 8 : 100; }
  int edited() const { return options_.quick ? 3 : 20; }

  void note(const std::string& text) const { bench_.note(text); }
  std::optional<Goal> at_least(double limit) const { return bench_.at_least(limit); }
  std::optional<Goal> at_most(double limit) const { return bench_.at_most(limit); }
  Json pass_task(std::int64_t tokens, const std::string& kind) const {
    return bench_.pass_task(kind, tokens, rows());
  }

  Result<Json> scores();
  Result<Json> interventions();
  Result<Json> tokenizers();
  Result<Json> long_context();
  Result<> repeat_scores(Series& ours, Series& eager, Series& sdpa, const Json& task);
  std::string eager_missing(std::int64_t tokens) const;
  Result<Json> estimate(std::int64_t tokens);
  void compare(Json& estimate, const Series& ours) const;
  Json score_ratios(const Series& ours, const Series& eager, const Series& sdpa) const;
  Result<Json> same_quantity(bool have_eager) const;
  Result<Json> cancellation(std::int64_t tokens, double seconds, double longest_gap,
                            const std::vector<double>& shares);
  Result<Json> tokenizer(const fs::path& folder, const fs::path& texts);

  const BenchOptions& options_;
  SideBySide bench_;
  const ModelConfig& config_;
};

// Weights of every head and layer, and what one layer's softmax needs beside them.
double eager_bytes(const ModelConfig& config, std::int64_t tokens) {
  const double layer = 4.0 * config.heads * double(tokens) * double(tokens);
  return (config.layers + 3) * layer;
}

double available_memory(const Json& machine) {
  return machine.at("available_bytes");
}

// Without room for it the system would end some program, not always the one that asks too much.
std::string EngineSuite::eager_missing(std::int64_t tokens) const {
  if (!options_.peers.usable()) return options_.peers.missing;
  const double needed = eager_bytes(config_, tokens) + double(2 * gibibyte);
  const double available = available_memory(machine_facts(bench_.threads()));
  if (needed <= available) return {};
  return "needs about " + memory_text(needed) + ", " + memory_text(available) + " are free";
}

Result<> EngineSuite::repeat_scores(Series& ours, Series& eager, Series& sdpa, const Json& task) {
  const auto named = [&](const char* name) {
    Json copy = task;
    copy["scores_file"] = (options_.work / (std::string(name) + ".safetensors")).string();
    copy["attention"] = name;
    return copy;
  };
  for (int i = 0; i < options_.repetitions; ++i) {
    note("scores at " + std::to_string(tokens()) + " tokens, repetition " + std::to_string(i + 1) +
         " of " + std::to_string(options_.repetitions));
    HEADSCOPE_ASSIGN(const Json result, bench_.ours(named("ours")));
    ours.add(result);
    if (eager.skipped.empty()) eager.skipped = eager_missing(tokens());
    HEADSCOPE_ASSIGN(const auto with_weights,
                     bench_.peer(named("eager"), "hf_scores.py", eager.skipped));
    if (with_weights) eager.add(*with_weights);
    HEADSCOPE_ASSIGN(const auto without, bench_.peer(named("sdpa"), "hf_scores.py", sdpa.skipped));
    if (without) sdpa.add(*without);
  }
  return {};
}

Json EngineSuite::score_ratios(const Series& ours, const Series& eager, const Series& sdpa) const {
  return {
      {"memory_below_eager",
       paired_ratio(eager.peak, ours.peak, "peak memory of the whole process, eager over ours",
                    at_least(8))},
      {"run_memory_below_eager",
       paired_ratio(eager.run_memory, ours.run_memory,
                    "peak memory beyond what program and weights take, eager over ours", {})},
      {"time_below_eager",
       paired_ratio(eager.seconds, ours.seconds, "time of the pass, eager over ours", at_least(3))},
      {"time_over_sdpa",
       paired_ratio(ours.seconds, sdpa.seconds,
                    "time of our pass with scores over sdpa that captures nothing", at_most(1.3))}};
}

Result<Json> EngineSuite::same_quantity(bool have_eager) const {
  if (!have_eager) return Json{{"skipped", "nothing to compare with"}};
  HEADSCOPE_ASSIGN(const auto ours, bench_.tensor("ours.safetensors", "scores"));
  HEADSCOPE_ASSIGN(const auto eager, bench_.tensor("eager.safetensors", "scores"));
  const double difference = largest_difference(ours, eager);
  const auto largest = ours.empty() ? 0.0f : *std::max_element(ours.begin(), ours.end());
  return Json{{"what", "largest difference of any score (head, row, key set) from eager's"},
              {"largest_difference", difference},
              {"largest_score", largest},
              {"scores", ours.size()},
              {"same", difference <= kSameQuantity}};
}

Result<Json> EngineSuite::scores() {
  const Json task = pass_task(tokens(), "scores");
  Series ours{"headscope: one pass, span sums of every head at the response rows"};
  Series eager{"transformers, eager attention with output_attentions=True, then the same sums"};
  Series sdpa{"transformers, sdpa attention, nothing captured"};
  sdpa.skipped = options_.peers.missing;
  HEADSCOPE_TRY(repeat_scores(ours, eager, sdpa, task));
  Json part = {{"what",
                "attention of every head at the response rows, summed over 20 documents "
                "and the sink"},
               {"tokens", tokens()},
               {"rows", rows()},
               {"sets", task.at("sets").size()},
               {"repetitions", options_.repetitions},
               {"headscope", ours.to_json()},
               {"eager", eager.to_json()},
               {"sdpa", sdpa.to_json()},
               {"ratios", score_ratios(ours, eager, sdpa)}};
  HEADSCOPE_ASSIGN(part["agreement"], same_quantity(!eager.seconds.empty()));
  HEADSCOPE_ASSIGN(part["estimate"], estimate(tokens()));
  compare(part["estimate"], ours);
  HEADSCOPE_ASSIGN(part["cancellation"], cancellation(tokens(), median(ours.seconds),
                                                      ours.longest_gap, {0.1, 0.3, 0.5, 0.7, 0.9}));
  return part;
}

Result<Json> EngineSuite::cancellation(std::int64_t tokens, double seconds, double longest_gap,
                                       const std::vector<double>& shares) {
  note("cancelling passes over " + std::to_string(tokens) + " tokens");
  Json task = pass_task(tokens, "cancel");
  Json after = Json::array();
  for (const double share : shares) after.push_back(share * seconds);
  task["cancel_after"] = after;
  HEADSCOPE_ASSIGN(const Json result, bench_.ours(task));
  const auto latencies = result.at("latencies").get<std::vector<double>>();
  Json json = {{"what", "seconds from the request to cancel until the pass has returned"},
               {"asked_after", after},
               {"finished_before", result.at("finished")},
               {"seconds", spread(latencies)}};
  if (!latencies.empty()) {
    json["worst"] = figure(*std::max_element(latencies.begin(), latencies.end()),
                           "the slowest of them, in seconds", at_most(0.05));
  }
  json["longest_poll_gap"] =
      figure(longest_gap, "longest time in a whole pass in which nobody looked for a cancellation",
             at_most(0.05));
  return json;
}

Result<Json> EngineSuite::interventions() {
  note("interventions on " + std::to_string(edited()) + " heads");
  Json task = pass_task(tokens(), "interventions");
  task["repetitions"] = options_.repetitions;
  const Json heads = heads_json(bench_heads(config_, options_.seed, edited()));
  task["edited_heads"] = heads;
  HEADSCOPE_ASSIGN(const Json result, bench_.ours(task));
  const auto seconds = [&](const char* name) { return result.at(name).get<std::vector<double>>(); };
  const auto ratio = [&](const char* name, const char* what) {
    return paired_ratio(seconds(name), seconds("plain"), what, at_most(1.15));
  };
  return Json{{"what", "prefill with an intervention on some heads of several layers, all rows"},
              {"tokens", tokens()},
              {"edited_heads", heads},
              {"seconds",
               {{"plain", spread(seconds("plain"))},
                {"split", spread(seconds("split"))},
                {"focus", spread(seconds("focus"))}}},
              {"ratios",
               {{"split_over_plain", ratio("split", "split-softmax over none: 1.15 = 15 % added")},
                {"focus_over_plain", ratio("focus", "focus over none: 1.15 = 15 % added")}}}};
}

Result<Json> EngineSuite::tokenizer(const fs::path& folder, const fs::path& texts) {
  const Json task = {{"task", "tokenizer"},
                     {"model", folder.string()},
                     {"texts_file", texts.string()},
                     {"threads", 1},
                     {"repetitions", options_.repetitions}};
  HEADSCOPE_ASSIGN(const Json ours, bench_.ours(task));
  std::string skipped = options_.peers.missing;
  HEADSCOPE_ASSIGN(const auto peer, bench_.peer(task, "hf_tokenizer.py", skipped));
  const double megabytes = ours.at("bytes").get<double>() / 1e6;
  const auto speeds = [&](const Json& result) {
    std::vector<double> all;
    for (const double seconds : result.at("seconds")) all.push_back(megabytes / seconds);
    return all;
  };
  const auto speed = speeds(ours);
  Json json = {{"tokenizer", folder.filename().string()},
               {"bytes", ours.at("bytes")},
               {"tokens", ours.at("tokens")},
               {"megabytes_per_second",
                paired_ratio(speed, std::vector<double>(speed.size(), 1),
                             "10^6 bytes of text a second, one thread", at_least(1))}};
  if (!peer) {
    json["peer"] = {{"skipped", skipped}};
    return json;
  }
  json["peer"] = {{"what", "the tokenizers package, one thread"},
                  {"tokens", peer->at("tokens")},
                  {"megabytes_per_second", spread(speeds(*peer))}};
  json["speed_over_peer"] =
      paired_ratio(speed, speeds(*peer), "our speed over the tokenizers package's", {});
  return json;
}

Result<Json> EngineSuite::tokenizers() {
  note("tokenizers");
  const std::size_t wanted = options_.quick ? 20'000 : 2'000'000;
  HEADSCOPE_ASSIGN(const auto texts, bench_texts(options_.data, wanted, options_.seed));
  const fs::path file = options_.work / "texts.json";
  HEADSCOPE_TRY(write_file_atomically(file, dump_json(Json(texts.prompts))));
  Json all = Json::array();
  for (const fs::path& folder : options_.tokenizers) {
    HEADSCOPE_ASSIGN(Json one, tokenizer(folder, file));
    all.push_back(std::move(one));
  }
  if (options_.tokenizers.empty()) {
    HEADSCOPE_ASSIGN(Json one, tokenizer(options_.demo, file));
    all.push_back(std::move(one));
  }
  return Json{{"what", "prompts encoded one after the other"},
              {"text", texts.source},
              {"prompts", texts.prompts.size()},
              {"all", all}};
}

// What headscope says before such a pass begins, asked of a process that runs as those measured do.
Result<Json> EngineSuite::estimate(std::int64_t tokens) {
  HEADSCOPE_ASSIGN(Json said, bench_.ours(pass_task(tokens, "estimate")));
  const double seconds = said.at("seconds"), bytes = said.at("bytes");
  note("estimate: " + count_text(tokens) + " tokens, " + memory_text(bytes) + ", " +
       duration_text(seconds) + " (span sums)");
  said["what"] = "what headscope says before the pass";
  return said;
}

void EngineSuite::compare(Json& estimate, const Series& ours) const {
  estimate["seconds_over_measured"] =
      figure(estimate.at("seconds").get<double>() / median(ours.seconds),
             "estimated over measured time", {});
  estimate["bytes_over_measured"] =
      figure(estimate.at("bytes").get<double>() / std::max(median(ours.run_memory), 1.0),
             "estimated memory over what the pass took beside program and weights", {});
}

Result<Json> EngineSuite::long_context() {
  HEADSCOPE_ASSIGN(Json said, estimate(long_tokens()));
  Json task = pass_task(long_tokens(), "scores");
  task["scores_file"] = (options_.work / "ours_long.safetensors").string();
  note("scores at " + std::to_string(long_tokens()) + " tokens");
  Series ours{"headscope: one pass, span sums of every head at the response rows"};
  HEADSCOPE_ASSIGN(const Json result, bench_.ours(task));
  ours.add(result);
  compare(said, ours);
  Json part = {
      {"what", "the same scores at a length that eager attention cannot start at"},
      {"tokens", long_tokens()},
      {"rows", rows()},
      {"headscope", ours.to_json()},
      {"eager_would_need_bytes", eager_bytes(config_, long_tokens())},
      {"peak_gigabytes", figure(ours.peak.front() / 1e9,
                                "peak memory of the whole process, in 10^9 bytes", at_most(6))}};
  HEADSCOPE_ASSIGN(part["cancellation"], cancellation(long_tokens(), ours.seconds.front(),
                                                      ours.longest_gap, {0.02, 0.2, 0.5}));
  return part;
}

}  // namespace

Result<Json> run_engine_suite(const BenchOptions& options, const RunContext& context) {
  return run_in_work_folder(options, [&] { return EngineSuite(options, context).run(); });
}

}  // namespace headscope::bench
