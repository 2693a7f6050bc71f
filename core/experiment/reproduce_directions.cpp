// The steps of a study that train focus directions and look at what their halves do.
#include <algorithm>
#include <cmath>
#include <memory>

#include "core/analysis/head_choice.h"
#include "core/analysis/statistics.h"
#include "core/base/file.h"
#include "core/base/rng.h"
#include "core/experiment/direction_study.h"
#include "core/experiment/gold_positions.h"
#include "core/experiment/reproduce.h"
#include "core/session/directions_file.h"

namespace headscope {
namespace {

constexpr int kSeeds = 2;
constexpr double kTrainedAlpha = 1;       // the strength that directions are trained at
constexpr double kReleasedKeyNorm = 2.5;  // the largest of the released key directions
constexpr std::size_t kKeyPrompts = 8;
constexpr std::uint64_t kKeyStream = 13;

DirectionStudyOptions study_options(const ReproduceInputs& inputs, const study::Folder& folder,
                                    const std::vector<HeadId>& ranking) {
  const study::Settings& settings = inputs.study.settings;
  const study::ModelFacts& model = inputs.study.model;
  DirectionStudyOptions how;
  how.data = {settings.max_new_tokens, settings.rows};
  how.training.epochs = settings.epochs;
  how.training.learning_rate = settings.learning_rate;
  how.training.seed = settings.seed;
  how.seeds = kSeeds;
  how.heads = first_heads(ranking, settings.top_k, model.layers, model.heads);
  how.check.alpha = kTrainedAlpha;
  how.check.alphas = settings.alphas;
  how.check.random_seeds = settings.random_directions;
  how.work = folder.direction_work();
  how.settings = {{"study", study::fingerprint(inputs.study)}};
  return how;
}

Passport passport_of(const ReproduceInputs& inputs, const DirectionStudyOptions& how,
                     const DirectionStudy& done, const PlacedGold& placed,
                     const std::vector<QaSample>& train) {
  Passport passport = inputs.study.passport;
  passport.n = static_cast<std::int64_t>(done.samples);
  passport.seed = how.training.seed;
  Json& options = passport.options;
  options["part"] = part_name(DataPart::train);
  options["study"] = study::fingerprint(inputs.study);
  options["epochs"] = how.training.epochs;
  options["learning_rate"] = how.training.learning_rate;
  options["weight_decay"] = how.training.weight_decay;
  options["init_deviation"] = how.training.init_deviation;
  options["gold_positions"] = placed.train;
  options["gold_places"] = to_json(GoldPlaces{});
  std::vector<std::string> questions;
  for (const QaSample& sample : train) questions.push_back(sample.question);
  record_questions(passport, questions);
  return passport;
}

// Of each epoch, over all layers.
std::vector<double> relevant_masses(const DirectionTraining& training) {
  std::vector<double> means;
  for (const DirectionEpoch& epoch : training.epochs) means.push_back(mean(epoch.relevant_mass));
  return means;
}

// What study::direction_check_from reads.
Json held_out_json(const DirectionCheck& check) {
  Json json = to_json(check);
  std::vector<double> gains;
  for (std::size_t i = 0; i < check.trained.chosen.shares.size(); ++i) {
    const double gain = check.trained.chosen.shares[i] - check.unedited.chosen.shares[i];
    if (std::isfinite(gain)) gains.push_back(gain);
  }
  json["gains"] = gains;
  return json;
}

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
  std::vector<QaSample> train = inputs.data.train, held_out = inputs.data.test;
  const PlacedGold placed = place_gold(train, held_out, {}, inputs.study.settings.seed);
  const DirectionStudyOptions how = study_options(inputs, folder, ranking);
  HEADSCOPE_TRY(check_room(inputs.model, inputs.encoder, train, held_out, how));
  HEADSCOPE_ASSIGN(const auto done, run_direction_study(inputs.model, inputs.encoder, train,
                                                        held_out, how, context));
  if (done.training.cancelled) return fail(ErrorKind::cancelled, "interrupted while training");
  HEADSCOPE_TRY(write_directions(folder.directions(), done.training.directions,
                                 passport_of(inputs, how, done, placed, train)));
  SkipCounts skipped = done.skipped;
  for (const auto& [reason, count] : done.held_out_skipped) skipped[reason] += count;
  Json result = {{"headscope", "direction_check"},
                 {"study", study::fingerprint(inputs.study)},
                 {"train_n", done.samples},
                 {"train_positions", placed.train},
                 {"held_out_positions", placed.held_out},
                 {"disjoint", placed.disjoint},
                 {"notes", placed.notes},
                 {"relevant_mass", relevant_masses(done.training)},
                 {"cosine", done.agreement.front().cosines},
                 {"held_out", nullptr},
                 {"skipped", skipped}};
  if (done.check) result["held_out"] = held_out_json(*done.check);
  return write_file_atomically(folder.direction_check(), dump_json(result, 1) + "\n");
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
