#include "core/bench/peers_suite.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "core/bench/rerun_task.h"

namespace headscope::bench {
namespace fs = std::filesystem;

namespace {

constexpr double kSameWeight = 1e-4;  // attention that differs by more is not the same work

/// One program's repetitions of a slider's work.
struct Peer {
  std::string name, script, attention, what;
  std::vector<double> seconds = {}, peak = {};
  Json tokens = {};
  std::string skipped = {};

  void add(const Json& result) {
    const auto cells = result.at("seconds").get<std::vector<double>>();
    seconds.push_back(std::accumulate(cells.begin(), cells.end(), 0.0));
    peak.push_back(result.at("peak_bytes"));
    tokens = result.at("tokens");
  }
  Json to_json() const {
    Json json = {{"what", what}};
    if (!skipped.empty()) json["skipped"] = skipped;
    if (seconds.empty()) return json;
    json["seconds"] = spread(seconds);
    json["peak_bytes"] = spread(peak);
    return json;
  }
};

/// A way of moving the sliders.
struct Rerun {
  std::string what;
  std::vector<Json> cells;
  std::int64_t prompt = 0, rows_from = 0;
  std::optional<Goal> against_hooks, against_sdpa;
  int repetitions = 1;
};

class PeersSuite {
 public:
  PeersSuite(const BenchOptions& options, const RunContext& context)
      : options_(options), bench_(options, context) {}

  Result<Json> run() {
    HEADSCOPE_TRY(bench_.prepare());
    HEADSCOPE_TRY(
        write_random_directions(bench_.config(), options_.seed, directions_file().string()));
    Json report = bench_.report_head("peers");
    using Part = Result<Json> (PeersSuite::*)();
    const std::map<std::string, Part> parts = {{"response_rows", &PeersSuite::response_rows},
                                               {"middle_layer", &PeersSuite::middle_layer},
                                               {"first_layer", &PeersSuite::first_layer},
                                               {"samples", &PeersSuite::samples},
                                               {"grid", &PeersSuite::grid}};
    const auto run_part = [&](const std::string& name) { return (this->*parts.at(name))(); };
    HEADSCOPE_TRY(bench_.run_parts(peers_parts, run_part, report));
    return report;
  }

 private:
  std::int64_t prompt_tokens() const { return options_.quick ? 96 : 4096; }
  int new_tokens() const { return options_.quick ? 4 : 32; }
  fs::path directions_file() const { return bench_.file("directions.safetensors"); }
  static std::string attention_file(const std::string& name) {
    return "attention-" + name + ".safetensors";
  }

  Json task(const Rerun& rerun) const {
    Json json = bench_.pass_task("rerun", rerun.prompt, 0);
    json["new_tokens"] = new_tokens();
    json["rows_from"] = rerun.rows_from;
    json["cells"] = rerun.cells;
    json["directions_file"] = directions_file().string();
    return json;
  }

  Result<> repeat(const Rerun& rerun, std::vector<Peer>& programs) const {
    const Json asked = task(rerun);
    for (int i = 0; i < rerun.repetitions; ++i) {
      for (Peer& program : programs) {
        bench_.note(rerun.what + ", " + program.name + ", repetition " + std::to_string(i + 1) +
                    " of " + std::to_string(rerun.repetitions));
        Json own = asked;
        own["attention_file"] = bench_.file(attention_file(program.name)).string();
        own["attention"] = program.attention;
        if (program.script.empty()) {
          HEADSCOPE_ASSIGN(const Json result, bench_.ours(own));
          program.add(result);
          continue;
        }
        HEADSCOPE_ASSIGN(const auto result, bench_.peer(own, program.script, program.skipped));
        if (result) program.add(*result);
      }
    }
    return {};
  }

  Result<Json> agreement(const Peer& ours, const Peer& peer) const {
    if (peer.seconds.empty()) return Json{{"skipped", "nothing to compare with"}};
    HEADSCOPE_ASSIGN(const auto mine, bench_.tensor(attention_file(ours.name), "attention"));
    HEADSCOPE_ASSIGN(const auto theirs, bench_.tensor(attention_file(peer.name), "attention"));
    const double difference = largest_difference(mine, theirs);
    return Json{{"what", "largest difference of any attention weight of the last run's rows"},
                {"largest_difference", difference},
                {"weights", mine.size()},
                {"same_tokens", ours.tokens == peer.tokens},
                {"same", difference <= kSameWeight && ours.tokens == peer.tokens}};
  }

  // Eager attention of transformers with the vector added and the rows kept in its attention
  // function, TransformerLens with hooks, and fused attention that captures nothing.
  std::vector<Peer> programs(bool with_sdpa) const {
    std::vector<Peer> all = {
        {"headscope", "", "", "the run that a slider's move starts; the baseline ran before"},
        {"hooks", "hf_hooks.py", "eager",
         "transformers, eager attention, run again from scratch with the vector added and the rows "
         "kept inside the attention function"},
        {"transformer_lens", "tl_hooks.py", "eager",
         "TransformerLens, run_with_hooks from scratch with the same two hooks"}};
    if (with_sdpa) {
      all.push_back({"sdpa", "hf_hooks.py", "sdpa",
                     "transformers, fused attention, nothing added, nothing captured"});
    }
    for (Peer& program : all) {
      if (!program.script.empty()) program.skipped = options_.peers.missing;
    }
    return all;
  }

  Result<Json> compare(const Rerun& rerun) {
    std::vector<Peer> all = programs(rerun.against_sdpa.has_value() || options_.quick);
    HEADSCOPE_TRY(repeat(rerun, all));
    Json part = {{"what", rerun.what},
                 {"prompt_tokens", rerun.prompt},
                 {"new_tokens", new_tokens()},
                 {"runs", rerun.cells.size()},
                 {"repetitions", rerun.repetitions}};
    const Peer& ours = all.front();
    for (const Peer& program : all) {
      part[program.name] = program.to_json();
      if (&program == &ours) continue;
      if (program.name == "sdpa") {
        part["ratios"]["time_over_sdpa"] = paired_ratio(
            ours.seconds, program.seconds, "our run with everything over that", rerun.against_sdpa);
        continue;
      }
      part["ratios"]["time_below_" + program.name] =
          paired_ratio(program.seconds, ours.seconds, "their time over ours", rerun.against_hooks);
      HEADSCOPE_ASSIGN(part["agreement"][program.name], agreement(ours, program));
    }
    return part;
  }

  Result<Json> response_rows() {
    return compare({"alpha changed on the response's rows alone",
                    {rerun_cell(bench_.config(), 0.3, 0, 20)},
                    prompt_tokens(),
                    prompt_tokens() - 1,
                    bench_.at_least(20),
                    {},
                    options_.repetitions});
  }
  Result<Json> middle_layer() {
    return compare({"alpha changed on all rows, from the middle layer on",
                    {rerun_cell(bench_.config(), 0.3, bench_.config().layers / 2, 20)},
                    prompt_tokens(),
                    0,
                    bench_.at_least(5),
                    {},
                    options_.repetitions});
  }
  Result<Json> first_layer() {
    return compare({"alpha changed on all rows, from the first layer on",
                    {rerun_cell(bench_.config(), 0.3, 0, 20)},
                    prompt_tokens(),
                    0,
                    bench_.at_least(3),
                    bench_.at_most(1.3),
                    options_.repetitions});
  }

  // Cells as a sweep runs them: the prompt's part below the first touched layer is shared.
  Result<Json> grid() {
    return compare({"an alpha x k grid over one prompt, rows all, heads from the middle layer on",
                    rerun_grid(bench_.config(), bench_.config().layers / 2),
                    prompt_tokens() / 2,
                    0,
                    bench_.at_least(4),
                    {},
                    1});
  }

  Result<Json> samples() {
    const std::int64_t tokens = options_.quick ? 128 : 3584;
    const int count = options_.quick ? 2 : 20;
    Json asked = bench_.pass_task("scores", tokens, options_.quick ? 8 : 32);
    asked["samples"] = count;
    const auto named = [&](const char* name) {
      Json copy = asked;
      copy["scores_file"] = bench_.file(std::string(name) + ".safetensors").string();
      copy["attention"] = name;
      return copy;
    };
    bench_.note("scores of " + std::to_string(count) + " samples");
    HEADSCOPE_ASSIGN(const Json ours, bench_.ours(named("ours")));
    std::string skipped = options_.peers.missing;
    HEADSCOPE_ASSIGN(const auto eager, bench_.peer(named("eager"), "hf_scores.py", skipped));
    Json part = {{"what", "contextual scores of samples, one after the other"},
                 {"samples", count},
                 {"tokens", tokens},
                 {"headscope", ours}};
    part["eager"] = eager ? *eager : Json{{"skipped", skipped}};
    if (!eager) return part;
    const auto ratio = [&](const char* field, const char* what, double limit) {
      return figure(eager->at(field).get<double>() / ours.at(field).get<double>(), what,
                    bench_.at_least(limit));
    };
    part["ratios"] = {
        {"time_below_eager", ratio("seconds", "output_attentions=True over ours", 4)},
        {"memory_below_eager", ratio("peak_bytes", "peak memory of the whole process", 8)}};
    HEADSCOPE_ASSIGN(const auto mine, bench_.tensor("ours.safetensors", "scores"));
    HEADSCOPE_ASSIGN(const auto theirs, bench_.tensor("eager.safetensors", "scores"));
    part["agreement"] = {{"what", "largest difference of the last sample's scores"},
                         {"largest_difference", largest_difference(mine, theirs)}};
    return part;
  }

  const BenchOptions& options_;
  SideBySide bench_;
};

}  // namespace

Result<Json> run_peers_suite(const BenchOptions& options, const RunContext& context) {
  return run_in_work_folder(options, [&] { return PeersSuite(options, context).run(); });
}

}  // namespace headscope::bench
