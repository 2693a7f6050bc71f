// reproduce: the paper's whole study on one model, and a report that says what holds.
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/experiment_options.h"
#include "app/cli/intervene.h"
#include "app/cli/made_by.h"
#include "app/cli/output.h"
#include "app/cli/prompt_input.h"
#include "core/base/file.h"
#include "core/base/file_lock.h"
#include "core/experiment/reproduce.h"
#include "core/suite/generate.h"

namespace headscope::cli {
namespace {

struct Options : CommonOptions, ModelChoice, PromptOptions {
  std::string data, rows = "input", folder;
  study::Settings settings;
  std::optional<int> top_k;
};

Result<study::StudyData> study_data(const Options& options, const OpenedModel& opened,
                                    const study::Folder& folder, const study::Settings& settings) {
  if (!options.data.empty()) return study::data_from(options.data, settings);
  if (opened.is_demo) return study::embedded_data(folder, settings);
  return fail(ErrorKind::usage,
              "--data is required: only the embedded model has a world of its own to ask about");
}

Result<study::Study> make_study(const Options& options, const OpenedModel& opened,
                                const PromptEncoder& encoder, const study::StudyData& data,
                                study::Settings settings, const RunContext& context) {
  study::Study study;
  study.model = model_facts(*opened.model, opened.is_demo);
  study.settings =
      study::completed(std::move(settings), study.model.layers * study.model.heads, data.documents);
  study.notes = data.notes;
  const ChosenSamples evaluated{data.test, DataPart::test, {}};
  DataOptions shown;
  shown.rows = options.rows;
  HEADSCOPE_ASSIGN(study.passport, make_passport(opened, encoder, data.source, evaluated, options,
                                                 options, shown, context));
  return study;
}

Json summary(const study::JudgedClaims& judged, const study::Folder& folder) {
  const Json all = study::to_json(judged);
  Json claims = Json::object();
  for (const Json& claim : all["claims"]) claims[claim["id"]] = claim["judgement"]["verdict"];
  return {{"report", folder.report().string()},
          {"confirmed", all["confirmed"]},
          {"not_confirmed", all["not_confirmed"]},
          {"not_testable", all["not_testable"]},
          {"claims", std::move(claims)}};
}

Result<> reproduce(const Options& options) {
  if (!options.intervene.empty()) {
    return fail(ErrorKind::usage, "--intervene: the study says what is changed; leave it out");
  }
  ProgressPrinter progress(options.quiet);
  const RunContext context = progress.context();
  const study::Folder folder(options.folder);
  HEADSCOPE_TRY(create_folders(folder.path()));
  HEADSCOPE_ASSIGN(const auto lock, FileLock::try_for(folder.file(".study.lock")));
  if (!lock) return bad_input(options.folder + ": another process works on this study");
  HEADSCOPE_ASSIGN(const auto opened,
                   open_model(options.model, load_options(options, options), context));
  HEADSCOPE_ASSIGN(const auto encoder, prompt_encoder(options, opened));
  study::Settings settings = options.settings;
  settings.seed = options.seed;
  settings.max_new_tokens = options.max_new_tokens;
  settings.rows = options.rows == "predict" ? RowConvention::predict : RowConvention::input;
  settings.top_k = options.top_k.value_or(default_top_k(opened));
  HEADSCOPE_ASSIGN(const auto data, study_data(options, opened, folder, settings));
  print_notes(progress, data.notes);
  HEADSCOPE_ASSIGN(const auto study,
                   make_study(options, opened, encoder, data, std::move(settings), context));
  const ReproduceInputs inputs{*opened.model, encoder, study, data};
  const auto note = [&progress](const std::string& step) { progress.note(step); };
  HEADSCOPE_ASSIGN(const auto judged, headscope::reproduce(inputs, folder, note, context));
  HEADSCOPE_TRY(write_made_by(folder.path()));
  return write_json(summary(judged, folder), options.out);
}

void add_grid(CLI::App& command, Options& options) {
  study::Settings& settings = options.settings;
  command.add_option("--samples", settings.samples, "samples of each part: training, evaluation")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--top-k", options.top_k, "heads acted on (default 20, embedded model 5)")
      ->check(CLI::PositiveNumber);
  command.add_option("--tau", settings.taus, "grid of split-softmax")
      ->delimiter(',')
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command.add_option("--alpha", settings.alphas, "grid of focus directions")
      ->delimiter(',')
      ->capture_default_str();
  command.add_option("--top-ks", settings.top_ks, "grid of the numbers of heads")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--gold-positions", settings.gold_positions, "places of the gold document")
      ->delimiter(',')
      ->capture_default_str();
  command.add_option("--random-heads", settings.random_heads, "draws of this control")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--random-directions", settings.random_directions, "draws of this control")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_flag("--every-control", settings.every_control,
                   "controls of focus directions in the whole grid, not at the default number of "
                   "heads and strength alone (about twice the settings)");
  command
      .add_option("--suite-lengths", settings.suite_lengths,
                  "tokens of the long-context suites; where none fits the model, a quarter, a half "
                  "and all of its context")
      ->delimiter(',')
      ->check(CLI::Range(std::int64_t{64}, longest_suite_prompt))
      ->capture_default_str();
  command
      .add_option("--suite-samples", settings.suite_samples,
                  "samples of each task and length of the suites, 0 = leave them out")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--epochs", settings.epochs, "of training directions")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command.add_option("--learning-rate", settings.learning_rate, "of training directions")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

}  // namespace

void add_reproduce(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command = line.add(
      "reproduce",
      "the paper's whole study and a report of what holds; run again to go on after a stop",
      [options] { return reproduce(*options); });
  add_loaded_model(*command, *options);
  command->add_option("--data", options->data,
                      "JSON lines of questions with documents, .gz allowed (embedded model: made "
                      "from the seed where not given)");
  command
      ->add_option("--rows", options->rows,
                   "rows that are read: where response tokens are the input, or predicted")
      ->check(CLI::IsMember({"input", "predict"}))
      ->capture_default_str();
  add_grid(*command, *options);
  add_prompt_options(*command, *options);
  command->add_option("--out,-o", options->folder, "folder of the study")->required();
  add_common(*command, *options, "");
}

}  // namespace headscope::cli
