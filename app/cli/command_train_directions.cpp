// train-directions: focus directions from a data set.
#include <algorithm>
#include <cmath>
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/experiment_options.h"
#include "app/cli/output.h"
#include "app/cli/prompt_input.h"
#include "core/base/rng.h"
#include "core/experiment/direction_data.h"
#include "core/model/memory.h"
#include "core/session/directions_file.h"

namespace headscope::cli {
namespace {

constexpr const char* kUnedited =
    "train-directions: the responses come from the unedited model; leave --intervene out";

struct Options : CommonOptions, ModelChoice, PromptOptions, DataOptions {
  DirectionTrainingOptions training;
  std::int64_t held_out = 20;
  bool keep_gold_positions = false;
  std::string file;
};

// What is trained on, what is held out, and what there is to say about it.
struct Material {
  Dataset data;
  ChosenSamples train;
  std::vector<QaSample> held_out;
  std::vector<std::string> notes;
};

// A direction acts after RoPE, so with the gold document always at one place it could learn that
// place: the document is moved about then.
void vary_gold_positions(const Options& options, std::vector<QaSample>& samples,
                         std::vector<std::string>& notes) {
  std::vector<std::size_t> positions;
  for (const QaSample& sample : samples) {
    if (const auto position = sample.gold_position()) positions.push_back(*position);
  }
  if (!same_gold_position(positions)) return;
  const std::string where = std::to_string(positions.front());
  if (options.keep_gold_positions) {
    notes.push_back("the gold document always stands at position " + where +
                    ": the directions may have learnt the place");
    return;
  }
  Rng rng(options.seed, 4);
  for (QaSample& sample : samples) {
    if (sample.gold_position()) (void)move_gold(sample, rng.below(sample.documents.size()));
  }
  notes.push_back("the gold document always stood at position " + where +
                  ": it was moved to positions drawn at random");
}

Result<Material> read_material(const Options& options) {
  Material material;
  HEADSCOPE_ASSIGN(material.data, load_dataset(options.data));
  HEADSCOPE_ASSIGN(material.train,
                   choose_for_training(material.data, options.wanted_part(), options.samples));
  material.notes = material.train.notes;
  vary_gold_positions(options, material.train.samples, material.notes);
  if (options.held_out == 0 || material.train.part == DataPart::all) return material;
  const DataPart other = material.train.part == DataPart::train ? DataPart::test : DataPart::train;
  for (const QaSample& sample : material.data.samples) {
    if (static_cast<std::int64_t>(material.held_out.size()) >= options.held_out) break;
    if (part_of_question(sample.question) == other) material.held_out.push_back(sample);
  }
  std::vector<std::string> ignored;
  vary_gold_positions(options, material.held_out, ignored);
  return material;
}

// Keys of every position of every sample are kept.
Result<> check_memory(const Options& options, const Material& material, const OpenedModel& opened,
                      const PromptEncoder& encoder) {
  double bytes = 0;
  std::size_t count = 0;
  for (const auto* samples : {&material.train.samples, &material.held_out}) {
    for (const QaSample& sample : *samples) {
      HEADSCOPE_ASSIGN(const auto prompt, make_sample_prompt(sample, PromptKind::all, encoder));
      const std::int64_t rows = options.max_new_tokens;
      bytes += direction_sample_bytes(opened.model->config(), prompt.tokens() + rows, rows);
      ++count;
    }
  }
  refresh_memory_limit();
  const double share = static_cast<double>(memory_left()) / std::max(bytes, 1.0);
  return require_memory("keys and queries of " + std::to_string(count) + " samples", bytes,
                        "use fewer --samples: about " +
                            std::to_string(static_cast<std::int64_t>(
                                std::floor(share * static_cast<double>(count)))) +
                            " fit");
}

Result<Json> held_out_json(const DirectionData& data, const DirectionShape& shape,
                           const Directions& directions, std::uint64_t seed,
                           const RunContext& context) {
  if (data.samples.empty()) return Json(nullptr);
  const auto mass = [&](const Directions& d, double alpha) -> Result<double> {
    HEADSCOPE_ASSIGN(const auto heads, relevant_mass(data.samples, shape, d, alpha, context));
    double sum = 0;
    for (const float value : heads) sum += value;
    return sum / static_cast<double>(heads.size());
  };
  HEADSCOPE_ASSIGN(const double before, mass(directions, 0));
  HEADSCOPE_ASSIGN(const double after, mass(directions, 1));
  HEADSCOPE_ASSIGN(const double random, mass(random_directions(directions, seed), 1));
  return Json{{"n", data.samples.size()},
              {"alpha", 1},
              {"relevant_mass_before", before},
              {"relevant_mass_after", after},
              {"relevant_mass_random_directions", random}};
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

void describe_training(const Options& options, const DirectionTraining& training,
                       Passport& passport) {
  passport.options["epochs"] = training.epochs.size();
  passport.options["learning_rate"] = options.training.learning_rate;
  passport.options["weight_decay"] = options.training.weight_decay;
  passport.options["init_deviation"] = options.training.init_deviation;
  passport.options["key_half"] = "left at its start: its gradient is zero";
}

std::vector<std::string> questions_of(const std::vector<QaSample>& samples) {
  std::vector<std::string> questions;
  for (const QaSample& sample : samples) questions.push_back(sample.question);
  return questions;
}

// The opened model and how samples become training material with it.
struct Workshop {
  const Options& options;
  const OpenedModel& opened;
  const PromptEncoder& encoder;
  const RunContext& context;
  DirectionShape shape = direction_shape(opened.model->config());

  Result<DirectionData> collect(const std::vector<QaSample>& samples) const {
    return collect_direction_data(*opened.model, encoder, samples,
                                  {options.max_new_tokens, options.row_convention()}, context);
  }

  Result<DirectionTraining> train(const DirectionData& data) const {
    if (data.cancelled) return fail(ErrorKind::cancelled, "interrupted before training began");
    DirectionTrainingOptions how = options.training;
    how.seed = options.seed;
    return train_directions(data.samples, shape, how, context);
  }

  // Null when the training was stopped: then nobody wants to wait for it.
  Result<Json> check(const Material& material, const DirectionTraining& training) const {
    if (training.cancelled) return Json(nullptr);
    HEADSCOPE_ASSIGN(const auto data, collect(material.held_out));
    return held_out_json(data, shape, training.directions, options.seed,
                         {context.is_cancelled, {}, {}});
  }
};

Json report_json(const Options& options, const Material& material, const DirectionData& data,
                 const DirectionTraining& training, Json held_out) {
  return {{"file", options.file},
          {"samples", data.samples.size()},
          {"skipped", data.skipped},
          {"part", part_name(material.train.part)},
          {"epochs", epochs_json(training)},
          {"held_out", std::move(held_out)},
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
  HEADSCOPE_TRY(check_memory(options, material, opened, encoder));
  HEADSCOPE_ASSIGN(auto passport, make_passport(opened, encoder, material.data, material.train,
                                                options, options, options, context));
  const Workshop workshop{options, opened, encoder, context};
  HEADSCOPE_ASSIGN(const auto data, workshop.collect(material.train.samples));
  HEADSCOPE_ASSIGN(const auto training, workshop.train(data));
  passport.n = static_cast<std::int64_t>(data.samples.size());
  describe_training(options, training, passport);
  record_questions(passport, questions_of(material.train.samples));
  HEADSCOPE_TRY(write_directions(options.file, training.directions, passport));
  HEADSCOPE_ASSIGN(auto held_out, workshop.check(material, training));
  HEADSCOPE_TRY(
      write_json(report_json(options, material, data, training, std::move(held_out)), ""));
  if (!training.cancelled) return {};
  return fail(ErrorKind::cancelled, "interrupted; the directions so far are kept");
}

}  // namespace

void add_train_directions(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      line.add("train-directions", "trains focus directions; the model stays as it is",
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
  command->add_flag("--keep-gold-positions", options->keep_gold_positions,
                    "do not move gold documents that always stand at one place");
  add_prompt_options(*command, *options);
  command->add_option("--out,-o", options->file, "safetensors file to write")->required();
  add_common(*command, *options, "");
}

}  // namespace headscope::cli
