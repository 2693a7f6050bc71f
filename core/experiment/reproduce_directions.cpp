// The steps of a study that train focus directions and look at what their halves do.
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "core/analysis/head_choice.h"
#include "core/base/file.h"
#include "core/base/rng.h"
#include "core/experiment/direction_data.h"
#include "core/experiment/reproduce.h"
#include "core/model/memory.h"
#include "core/session/directions_file.h"

namespace headscope {
namespace {

constexpr std::size_t kEven = 0, kOdd = 1;
constexpr double kReleasedKeyNorm = 2.5;  // the largest of the released key directions
constexpr std::size_t kKeyPrompts = 8;
constexpr std::uint64_t kKeyStream = 13;

double mean_at(const std::vector<float>& values, const std::vector<HeadId>& heads, int per_layer) {
  double sum = 0;
  for (const HeadId head : heads) {
    sum += values[static_cast<std::size_t>(head.layer) * static_cast<std::size_t>(per_layer) +
                  static_cast<std::size_t>(head.head)];
  }
  return sum / static_cast<double>(heads.size());
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Cosine of the query directions of every head [layers * heads].
std::vector<double> cosines(const Directions& a, const Directions& b) {
  std::vector<double> result;
  const auto width = static_cast<std::size_t>(a.head_dim);
  for (std::size_t begin = 0; begin + width <= a.query.size(); begin += width) {
    double ab = 0, aa = 0, bb = 0;
    for (std::size_t i = begin; i < begin + width; ++i) {
      ab += double{a.query[i]} * b.query[i];
      aa += double{a.query[i]} * a.query[i];
      bb += double{b.query[i]} * b.query[i];
    }
    result.push_back(aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0);
  }
  return result;
}

class DirectionStep {
 public:
  DirectionStep(const ReproduceInputs& inputs, const study::Folder& folder,
                const std::vector<HeadId>& ranking, const RunContext& context)
      : inputs_(inputs),
        settings_(inputs.study.settings),
        folder_(folder),
        context_(context),
        shape_(direction_shape(inputs.model.config())),
        heads_(first_heads(ranking, settings_.top_k, shape_.layers, shape_.heads)) {}

  Result<> run() {
    check_.study = study::fingerprint(inputs_.study);
    HEADSCOPE_ASSIGN(const auto trained, train_both());
    HEADSCOPE_TRY(check_held_out(trained));
    return write_file_atomically(folder_.direction_check(),
                                 dump_json(study::to_json(check_), 1) + "\n");
  }

 private:
  Result<DirectionData> collect(std::span<const QaSample> samples,
                                const RunContext& context) const {
    HEADSCOPE_ASSIGN(auto data,
                     collect_direction_data(inputs_.model, inputs_.encoder, samples,
                                            {settings_.max_new_tokens, settings_.rows}, context));
    if (data.cancelled) return fail(ErrorKind::cancelled, "interrupted before training");
    return data;
  }

  // Keys of every position of every sample are kept.
  Result<> check_memory(const std::vector<QaSample>& samples) const {
    double bytes = 0;
    for (const QaSample& sample : samples) {
      HEADSCOPE_ASSIGN(const auto prompt,
                       make_sample_prompt(sample, PromptKind::all, inputs_.encoder));
      const std::int64_t rows = settings_.max_new_tokens;
      bytes += direction_sample_bytes(inputs_.model.config(), prompt.tokens() + rows, rows);
    }
    refresh_memory_limit();
    return require_memory("keys and queries of " + std::to_string(samples.size()) + " samples",
                          bytes, "use fewer --samples");
  }

  Result<Directions> train_both() {
    std::vector<QaSample> samples = inputs_.data.train;
    study::move_to_parity(samples, kEven, settings_.seed);
    check_.train_positions = study::gold_positions_of(samples);
    HEADSCOPE_TRY(check_memory(samples));
    HEADSCOPE_ASSIGN(const auto data, collect(samples, context_));
    check_.train_n = static_cast<std::int64_t>(data.samples.size());
    add_skipped(data);
    if (data.samples.empty()) {
      return bad_input(inputs_.data.source.name + ": no sample could be used to train directions");
    }
    HEADSCOPE_ASSIGN(const auto first, train(data, samples, settings_.seed, folder_.directions()));
    for (const DirectionEpoch& epoch : first.epochs) {
      check_.relevant_mass.push_back(mean_of(epoch.relevant_mass));
    }
    HEADSCOPE_ASSIGN(const auto second,
                     train(data, samples, settings_.seed + 1, folder_.second_directions()));
    check_.cosine = cosines(first.directions, second.directions);
    return first.directions;
  }

  Result<DirectionTraining> train(const DirectionData& data, const std::vector<QaSample>& samples,
                                  std::uint64_t seed, const std::filesystem::path& file) const {
    const DirectionTrainingOptions how{
        .epochs = settings_.epochs, .learning_rate = settings_.learning_rate, .seed = seed};
    HEADSCOPE_ASSIGN(auto training, train_directions(data.samples, shape_, how, context_));
    if (training.cancelled) return fail(ErrorKind::cancelled, "interrupted while training");
    Passport passport = inputs_.study.passport;
    passport.n = static_cast<std::int64_t>(data.samples.size());
    passport.seed = seed;
    Json& options = passport.options;
    options["part"] = part_name(DataPart::train);
    options["study"] = check_.study;
    options["epochs"] = how.epochs;
    options["learning_rate"] = how.learning_rate;
    options["weight_decay"] = how.weight_decay;
    options["init_deviation"] = how.init_deviation;
    options["gold_positions"] = "even, drawn from the seed";
    std::vector<std::string> questions;
    for (const QaSample& sample : samples) questions.push_back(sample.question);
    record_questions(passport, questions);
    HEADSCOPE_TRY(write_directions(file, training.directions, passport));
    return training;
  }

  // One sample at a time: what is kept of a sample is large.
  Result<> check_held_out(const Directions& trained) {
    std::vector<QaSample> samples = inputs_.data.test;
    if (inputs_.data.documents < 2) return {};
    study::move_to_parity(samples, kOdd, settings_.seed);
    check_.held_out_positions = study::gold_positions_of(samples);
    const Directions random = random_directions(trained, settings_.seed);
    const RunContext quiet{context_.is_cancelled, {}, {}};
    for (std::size_t i = 0; i < samples.size(); ++i) {
      context_.progress("held-out sample", static_cast<double>(i),
                        static_cast<double>(samples.size()));
      HEADSCOPE_ASSIGN(auto data, collect({&samples[i], 1}, quiet));
      add_skipped(data);
      if (data.samples.empty()) continue;
      HEADSCOPE_ASSIGN(const auto prompt,
                       make_sample_prompt(samples[i], PromptKind::all, inputs_.encoder));
      study::DirectionSampleCheck line;
      line.index = samples[i].index;
      HEADSCOPE_TRY(measure(data.samples, trained, random, line.relevant));
      TokenSet others;
      for (const TokenSet& document : prompt.others)
        others.insert(others.end(), document.begin(), document.end());
      std::sort(others.begin(), others.end());
      data.samples.front().gold = std::move(others);
      HEADSCOPE_TRY(measure(data.samples, trained, random, line.irrelevant));
      check_.samples.push_back(line);
    }
    return {};
  }

  // Mass of the marked tokens: unedited, with trained and with random directions.
  Result<> measure(std::span<const DirectionSample> sample, const Directions& trained,
                   const Directions& random, double (&masses)[3]) const {
    const std::pair<const Directions*, double> runs[] = {
        {&trained, 0}, {&trained, 1}, {&random, 1}};
    const RunContext quiet{context_.is_cancelled, {}, {}};
    for (int i = 0; i < 3; ++i) {
      HEADSCOPE_ASSIGN(const auto mass,
                       relevant_mass(sample, shape_, *runs[i].first, runs[i].second, quiet));
      masses[i] = mean_at(mass, heads_, shape_.heads);
    }
    return {};
  }

  void add_skipped(const DirectionData& data) {
    for (const auto& [reason, count] : data.skipped) check_.skipped[reason] += count;
  }

  const ReproduceInputs& inputs_;
  const study::Settings& settings_;
  const study::Folder& folder_;
  const RunContext& context_;
  DirectionShape shape_;
  std::vector<HeadId> heads_;
  study::DirectionCheck check_;
};

// The trained query directions with random key directions of one norm.
Directions with_random_keys(const Directions& trained, double norm, std::uint64_t seed) {
  Directions result = trained;
  result.key.assign(result.query.size(), 1.0F);
  result = random_directions(result, seed + kKeyStream);
  result.query = trained.query;
  const auto factor = static_cast<float>(norm / std::sqrt(static_cast<double>(trained.head_dim)));
  for (float& value : result.key) value *= factor;
  return result;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double difference = std::abs(double{a[i]} - b[i]);
    if (!(difference <= largest)) largest = difference;  // NaN counts
  }
  return largest;
}

std::vector<HeadId> every_head(const ModelConfig& config) {
  std::vector<HeadId> heads;
  for (int layer = 0; layer < config.layers; ++layer) {
    for (int head = 0; head < config.heads; ++head) heads.push_back({layer, head});
  }
  return heads;
}

}  // namespace

Result<> train_study_directions(const ReproduceInputs& inputs, const study::Folder& folder,
                                const std::vector<HeadId>& ranking, const RunContext& context) {
  return DirectionStep(inputs, folder, ranking, context).run();
}

Result<> check_key_half(const ReproduceInputs& inputs, const study::Folder& folder,
                        const RunContext& context) {
  const ModelConfig& config = inputs.model.config();
  HEADSCOPE_ASSIGN(const auto file, read_directions(folder.directions()));
  const auto directions = std::make_shared<const Directions>(
      with_random_keys(file.directions, kReleasedKeyNorm, inputs.study.settings.seed));
  study::KeyCheck check{.study = study::fingerprint(inputs.study), .key_norm = kReleasedKeyNorm};
  const auto logits = [&](const SamplePrompt& prompt, std::vector<Intervention> edits) {
    ForwardRequest request;
    request.ids = prompt.encoding.ids;
    request.logit_rows = {prompt.tokens() - 1, prompt.tokens()};
    request.interventions = std::move(edits);
    return inputs.model.forward(request, {context.is_cancelled, {}, {}});
  };
  const auto focus = [&](bool use_key) {
    return std::vector<Intervention>{{Focus{1, directions, use_key}, every_head(config), {}}};
  };
  for (const QaSample& sample : inputs.data.test) {
    if (check.prompts == static_cast<std::int64_t>(kKeyPrompts)) break;
    HEADSCOPE_ASSIGN(const auto prompt,
                     make_sample_prompt(sample, PromptKind::all, inputs.encoder));
    if (prompt.tokens() > config.context_length) continue;
    HEADSCOPE_ASSIGN(const auto plain, logits(prompt, {}));
    HEADSCOPE_ASSIGN(const auto query, logits(prompt, focus(false)));
    HEADSCOPE_ASSIGN(const auto both, logits(prompt, focus(true)));
    check.key_effect = std::max(check.key_effect, largest_difference(query.logits, both.logits));
    check.query_effect =
        std::max(check.query_effect, largest_difference(plain.logits, query.logits));
    const std::vector<float> zeros(plain.logits.size());
    check.largest_logit = std::max(check.largest_logit, largest_difference(plain.logits, zeros));
    ++check.prompts;
  }
  return write_file_atomically(folder.key_check(), dump_json(study::to_json(check), 1) + "\n");
}

}  // namespace headscope
