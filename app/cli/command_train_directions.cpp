// train-directions: focus directions from a data set.
#include <algorithm>
#include <cmath>
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/experiment_options.h"
#include "app/cli/output.h"
#include "app/cli/prompt_input.h"
#include "core/experiment/direction_study.h"
#include "core/experiment/gold_positions.h"
#include "core/session/directions_file.h"
#include "core/session/head_set.h"

namespace headscope::cli {
namespace {

constexpr const char* kUnedited =
    "train-directions: the responses come from the unedited model; leave --intervene out";

constexpr double kGibibyte = 1024.0 * 1024 * 1024;

struct Options : CommonOptions, ModelChoice, PromptOptions, DataOptions {
  DirectionTrainingOptions training;
  std::int64_t held_out = 20;
  std::vector<std::size_t> train_positions;
  bool keep_gold_positions = false, restart = false;
  int seeds = 1;
  int top_k = 20;
  std::string heads;
  double keep_in_memory = 0;  ///< GiB, 0 = half of what is left
  std::string file;

  GoldPlaces places() const {
    if (keep_gold_positions) return {GoldPlaces::Kind::as_they_are, {}};
    if (train_positions.empty()) return {GoldPlaces::Kind::every_other, {}};
    return {GoldPlaces::Kind::listed, train_positions};
  }
};

// What is trained on, what is held out, and what there is to say about it.
struct Material {
  Dataset data;
  ChosenSamples train;
  std::vector<QaSample> held_out;
  PlacedGold gold;
  std::vector<std::string> notes;
};

Result<Material> read_material(const Options& options) {
  Material material;
  HEADSCOPE_ASSIGN(material.data, load_dataset(options.data));
  HEADSCOPE_ASSIGN(material.train,
                   choose_for_training(material.data, options.wanted_part(), options.samples));
  material.notes = material.train.notes;
  if (options.held_out > 0 && material.train.part != DataPart::all) {
    const DataPart other =
        material.train.part == DataPart::train ? DataPart::test : DataPart::train;
    for (const QaSample& sample : material.data.samples) {
      if (static_cast<std::int64_t>(material.held_out.size()) >= options.held_out) break;
      if (part_of_question(sample.question) == other) material.held_out.push_back(sample);
    }
  }
  material.gold =
      place_gold(material.train.samples, material.held_out, options.places(), options.seed);
  material.notes.insert(material.notes.end(), material.gold.notes.begin(),
                        material.gold.notes.end());
  return material;
}

Result<DirectionStudyOptions> study_options(const Options& options, const OpenedModel& opened,
                                            const Passport& passport) {
  DirectionStudyOptions study;
  study.data = {options.max_new_tokens, options.row_convention()};
  study.training = options.training;
  study.training.seed = options.seed;
  study.seeds = options.seeds;
  study.top_heads = static_cast<std::size_t>(options.top_k);
  if (!options.heads.empty()) {
    const ModelConfig& config = opened.model->config();
    HEADSCOPE_ASSIGN(const auto set, read_head_set(options.heads));
    HEADSCOPE_TRY(check_fits(set, options.heads, config.layers, config.heads));
    study.heads = set.ranking;
    study.heads.resize(std::min(study.heads.size(), study.top_heads));
  }
  study.work = options.file + ".unfinished";
  study.settings = to_json(passport);
  study.restart = options.restart;
  study.memory_bytes = static_cast<std::uint64_t>(options.keep_in_memory * kGibibyte);
  return study;
}

// [layers][heads], numbers as short as float is.
Json layers_of(const std::vector<float>& values, int heads) {
  Json layers = Json::array();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % static_cast<std::size_t>(heads) == 0) layers.push_back(Json::array());
    layers.back().push_back(json_number(values[i]));
  }
  return layers;
}

Json epochs_json(const DirectionTraining& training) {
  Json epochs = Json::array();
  for (const DirectionEpoch& epoch : training.epochs) {
    epochs.push_back({{"epoch", epochs.size() + 1},
                      {"loss", epoch.loss},
                      {"relevant_mass", epoch.relevant_mass}});
  }
  return epochs;
}

void describe_training(const Options& options, const Material& material,
                       const DirectionTraining& training, Passport& passport) {
  passport.options["epochs"] = training.epochs.size();
  passport.options["learning_rate"] = options.training.learning_rate;
  passport.options["weight_decay"] = options.training.weight_decay;
  passport.options["init_deviation"] = options.training.init_deviation;
  passport.options["gold_positions"] = material.gold.train;
  passport.options["gold_places"] = to_json(options.places());
  passport.options["key_half"] = "left at its start: its gradient is zero";
}

std::vector<std::string> questions_of(const std::vector<QaSample>& samples) {
  std::vector<std::string> questions;
  for (const QaSample& sample : samples) questions.push_back(sample.question);
  return questions;
}

Json held_out_json(const Material& material, const DirectionStudy& study) {
  if (!study.check) return nullptr;
  Json json = to_json(*study.check);
  json["trained_positions"] = material.gold.train;
  json["checked_positions"] = material.gold.held_out;
  json["at_positions_not_trained_on"] = material.gold.disjoint;
  return json;
}

Json seeds_json(const DirectionStudy& study) {
  Json seeds = Json::array();
  const Directions& directions = study.training.directions;
  for (const SeedAgreement& other : study.agreement) {
    seeds.push_back({{"seed", other.seed},
                     {"cosine_heads", json_number(other.heads)},
                     {"cosine_all_heads", json_number(other.all)},
                     {"chance_deviation", 1 / std::sqrt(static_cast<double>(directions.head_dim))},
                     {"cosines", layers_of(other.cosines, directions.heads)}});
  }
  return seeds;
}

Json report_json(const Options& options, const Material& material, const DirectionStudy& study) {
  return {{"file", options.file},
          {"samples", study.samples},
          {"read_from_disk", study.spilled},
          {"resumed", study.resumed},
          {"skipped", study.skipped},
          {"part", part_name(material.train.part)},
          {"epochs", epochs_json(study.training)},
          {"held_out", held_out_json(material, study)},
          {"seeds", seeds_json(study)},
          {"notes", material.notes}};
}

Result<> train(const Options& options) {
  if (!options.intervene.empty()) return fail(ErrorKind::usage, kUnedited);
  ProgressPrinter progress(options.quiet);
  const RunContext context = progress.context();
  HEADSCOPE_ASSIGN(const auto material, read_material(options));
  print_notes(progress, material.notes);
  HEADSCOPE_ASSIGN(const auto opened,
                   open_model(options.model, load_options(options, options), context));
  HEADSCOPE_ASSIGN(const auto encoder, prompt_encoder(options, opened));
  HEADSCOPE_ASSIGN(auto passport, make_passport(opened, encoder, material.data, material.train,
                                                options, options, options, context));
  HEADSCOPE_ASSIGN(const auto how, study_options(options, opened, passport));
  const std::vector<QaSample>& samples = material.train.samples;
  HEADSCOPE_TRY(check_room(*opened.model, encoder, samples, material.held_out, how));
  HEADSCOPE_ASSIGN(const auto study, run_direction_study(*opened.model, encoder, samples,
                                                         material.held_out, how, context));
  passport.n = static_cast<std::int64_t>(study.samples);
  describe_training(options, material, study.training, passport);
  record_questions(passport, questions_of(samples));
  HEADSCOPE_TRY(write_directions(options.file, study.training.directions, passport));
  HEADSCOPE_TRY(write_json(report_json(options, material, study), ""));
  if (!study.training.cancelled) return finish_direction_study(how);
  return fail(ErrorKind::cancelled, "interrupted; the directions so far are kept, and " +
                                        how.work.string() + " to go on from");
}

}  // namespace

void add_train_directions(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command = line.add("train-directions",
                               "trains focus directions on a data set; the model stays as it is",
                               [options] { return train(*options); });
  add_loaded_model(*command, *options);
  add_data(*command, *options, true, "questions to train on (default: the training part)");
  command->add_option("--epochs", options->training.epochs, "passes over the samples")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command->add_option("--learning-rate", options->training.learning_rate, "of AdamW")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--held-out", options->held_out,
                   "samples of the other part to check on, 0 = none")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      ->add_option("--train-positions", options->train_positions,
                   "places of the gold document to train on (from 0); the check uses the others "
                   "(default: every other place)")
      ->delimiter(',');
  command->add_flag("--keep-gold-positions", options->keep_gold_positions,
                    "do not move gold documents");
  command
      ->add_option("--seeds", options->seeds,
                   "trainings with as many seeds; the first is kept, the cosines say how far the "
                   "others agree")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  command->add_option("--heads", options->heads,
                      "head set whose first heads are reported on (default: those with most "
                      "relevant mass on the training samples)");
  command->add_option("--top-k", options->top_k, "heads to report on")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--keep-in-memory", options->keep_in_memory,
                   "GiB of keys and queries to keep in memory, the rest is read from disk "
                   "(default: half of what is free)")
      ->check(CLI::PositiveNumber);
  command->add_flag("--restart", options->restart,
                    "throw away what an interrupted training left beside --out");
  add_prompt_options(*command, *options);
  command->add_option("--out,-o", options->file, "safetensors file to write")->required();
  add_common(*command, *options, "");
}

}  // namespace headscope::cli
