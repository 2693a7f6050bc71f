#include "core/bench/directions_suite.h"

#include <algorithm>
#include <span>

#include "core/base/file.h"
#include "core/base/safetensors.h"
#include "core/bench/bench_model.h"
#include "core/bench/measure.h"
#include "core/training/directions.h"

namespace headscope::bench {
namespace {

namespace fs = std::filesystem;

constexpr double kSameLoss = 1e-4;

// What the repetitions of one side took.
struct Side {
  std::vector<double> collect, train, all, peak;
  Json losses;
  std::string skipped;

  void add(const Json& result) {
    collect.push_back(result.at("collect_seconds"));
    train.push_back(result.at("train_seconds"));
    all.push_back(collect.back() + train.back());
    peak.push_back(result.at("peak_bytes"));
    losses = result.at("losses");
  }
  Json to_json(const std::string& what) const {
    if (!skipped.empty()) return {{"what", what}, {"skipped", skipped}};
    return {{"what", what},
            {"collect_seconds", spread(collect)},
            {"train_seconds", spread(train)},
            {"peak_bytes", spread(peak)},
            {"losses", losses}};
  }
};

class DirectionsSuite {
 public:
  DirectionsSuite(const BenchOptions& options, const RunContext& context)
      : options_(options), bench_(options, context), config_(bench_.config()) {}

  Result<Json> run() {
    HEADSCOPE_TRY(bench_.prepare());
    HEADSCOPE_TRY(write_start());
    const Json task = make_task();
    Side ours, theirs;
    theirs.skipped = options_.peers.missing;
    for (int i = 0; i < options_.repetitions; ++i) {
      bench_.note("directions, repetition " + std::to_string(i + 1) + " of " +
                  std::to_string(options_.repetitions));
      HEADSCOPE_ASSIGN(const Json result, bench_.ours(task));
      ours.add(result);
      HEADSCOPE_ASSIGN(const auto peer, bench_.peer(task, "hf_directions.py", theirs.skipped));
      if (peer) theirs.add(*peer);
    }
    return report(ours, theirs);
  }

 private:
  int samples() const { return options_.quick ? 3 : 4; }
  int epochs() const { return options_.quick ? 3 : 10; }
  std::int64_t tokens() const { return options_.quick ? 96 : 1024; }
  std::int64_t rows() const { return options_.quick ? 8 : 32; }
  // A tiny model learns little in few steps: larger ones, so that equal losses mean something.
  DirectionTrainingOptions training() const {
    return {
        .epochs = epochs(), .learning_rate = options_.quick ? 0.1 : 1e-3, .seed = options_.seed};
  }

  DirectionShape shape() const { return direction_shape(config_); }

  fs::path start_file() const { return options_.work / "start.safetensors"; }

  // The vectors that training with this seed begins with, for the peer.
  Result<> write_start() const {
    const Directions start = first_directions(shape(), training());
    const std::vector<std::int64_t> size = {config_.layers, config_.heads, config_.head_dim};
    return write_safetensors(start_file(),
                             {{"q", DType::f32, size, std::as_bytes(std::span(start.query))},
                              {"k", DType::f32, size, std::as_bytes(std::span(start.key))}});
  }

  // The gold document stands somewhere else in each sample.
  Json make_task() const {
    Json list = Json::array();
    for (int i = 0; i < samples(); ++i) {
      const auto seed = options_.seed + static_cast<std::uint64_t>(i);
      const BenchPrompt prompt = bench_prompt(config_, seed, tokens(), rows());
      const auto documents = prompt.sets.size() - 1;
      const TokenRange gold = prompt.sets[(static_cast<std::size_t>(i) * 7 + 3) % documents];
      list.push_back(
          {{"ids", prompt.ids}, {"rows", pair_json(prompt.rows)}, {"gold", pair_json(gold)}});
    }
    return {{"task", "directions"},
            {"model", bench_.model_folder().string()},
            {"threads", bench_.threads()},
            {"samples", std::move(list)},
            {"init_file", start_file().string()},
            {"directions_file", (options_.work / "theirs.safetensors").string()},
            {"epochs", epochs()},
            {"orders", sample_orders(static_cast<std::size_t>(samples()), training())},
            {"learning_rate", training().learning_rate},
            {"seed", options_.seed}};
  }

  Json same_losses(const Side& ours, const Side& theirs) const {
    if (theirs.losses.is_null()) return {{"skipped", "nothing to compare with"}};
    std::vector<float> a, b;
    for (const auto* side : {&ours, &theirs}) {
      auto& flat = side == &ours ? a : b;
      for (const Json& layer : side->losses)
        for (const Json& loss : layer) flat.push_back(loss.get<float>());
    }
    const double difference = largest_difference(a, b);
    return {{"what", "largest difference of the loss of any layer and epoch, same first vectors"},
            {"largest_difference", difference},
            {"same", difference <= kSameLoss}};
  }

  Json report(const Side& ours, const Side& theirs) const {
    const std::optional<Goal> none;
    Json json = bench_.report_head("directions");
    json.update(
        {{"samples", samples()},
         {"epochs", epochs()},
         {"tokens", tokens()},
         {"rows", rows()},
         {"layers", config_.layers},
         {"heads", config_.heads},
         {"ours", ours.to_json("headscope: cached keys and response rows, all layers at once")},
         {"theirs", theirs.to_json("torch: each layer on its own, eager attention over the "
                                   "whole sequence, autograd")},
         {"same_losses", same_losses(ours, theirs)},
         {"ratios",
          {{"time", paired_ratio(theirs.all, ours.all, "collecting and training, theirs over ours",
                                 bench_.at_least(5))},
           {"training", paired_ratio(theirs.train, ours.train, "training alone", none)},
           {"collecting", paired_ratio(theirs.collect, ours.collect, "collecting alone", none)},
           {"peak_memory",
            paired_ratio(theirs.peak, ours.peak, "peak memory of the whole process", none)}}}});
    return json;
  }

  const BenchOptions& options_;
  SideBySide bench_;
  const ModelConfig& config_;
};

}  // namespace

Result<Json> run_directions_suite(const BenchOptions& options, const RunContext& context) {
  return run_in_work_folder(options, [&] { return DirectionsSuite(options, context).run(); });
}

}  // namespace headscope::bench
