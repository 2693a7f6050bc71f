// control: what intervening on contextual heads does to the heads that nobody touched.
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/experiment_options.h"
#include "app/cli/intervene.h"
#include "app/cli/made_by.h"
#include "app/cli/output.h"
#include "app/cli/prompt_input.h"
#include "core/base/hash.h"
#include "core/experiment/control.h"
#include "core/experiment/save_clock.h"
#include "core/session/directions_file.h"
#include "core/session/head_set.h"
#include "core/sweep/control_file.h"

namespace headscope::cli {
namespace {

struct Options : CommonOptions, ModelChoice, PromptOptions, DataOptions {
  std::string heads, directions, response = "baseline", file;
  std::vector<double> taus, alphas;
  std::optional<int> top_k;
  int random_heads = 5;
};

// Fills in what is read from files, and remembers what they were made from.
Result<ControlOptions> read_settings(const Options& options, const OpenedModel& opened,
                                     UsedData& used) {
  const ModelConfig& config = opened.model->config();
  ControlOptions how{.ranking = {},
                     .directions = nullptr,
                     .taus = options.taus,
                     .alphas = options.alphas,
                     .top_k = options.top_k.value_or(default_top_k(opened)),
                     .random_heads = options.random_heads,
                     .seed = options.seed,
                     .max_new_tokens = options.max_new_tokens,
                     .rows = options.row_convention()};
  if (options.response == "own") how.response = ControlResponse::own;
  HEADSCOPE_ASSIGN(auto heads, read_head_set(options.heads));
  HEADSCOPE_TRY(check_fits(heads, options.heads, config.layers, config.heads));
  how.ranking = std::move(heads.ranking);
  used.add(heads.passport);
  if (options.directions.empty()) return how;
  HEADSCOPE_ASSIGN(auto file, read_directions(options.directions));
  HEADSCOPE_TRY(check_fits(file.directions, options.directions, config.layers, config.heads,
                           config.head_dim));
  how.directions = std::make_shared<const Directions>(std::move(file.directions));
  used.add(file.passport);
  return how;
}

Result<> describe(const Options& options, const ControlOptions& how, Passport& passport) {
  Json& all = passport.options;
  all["top_k"] = how.top_k;
  all["response"] = options.response;
  all["heads"] = std::filesystem::path(options.heads).filename().string();
  HEADSCOPE_ASSIGN(all["heads_sha256"], sha256_file(options.heads));
  if (options.directions.empty()) return {};
  all["directions"] = std::filesystem::path(options.directions).filename().string();
  HEADSCOPE_ASSIGN(all["directions_sha256"], directions_sha256(options.directions));
  return {};
}

// Stdout has the numbers; maps of every head stay in the file.
Json summary(const ControlResult& result, const std::string& file) {
  Json json = to_json(result);
  json.erase("baseline");
  for (Json& setting : json["settings"]) {
    setting.erase("change_of_heads");
    setting.erase("by_layer");
  }
  json["file"] = file;
  return json;
}

std::function<Result<>(const ControlRun&)> saver(const ControlFile& file) {
  return [&file, clock = SaveClock()](const ControlRun& run) mutable -> Result<> {
    return clock.is_time() ? file.save(run, false) : Result<>{};
  };
}

Result<> run_and_save(const OpenedModel& opened, const PromptEncoder& encoder,
                      const std::vector<QaSample>& samples, const ControlOptions& how,
                      const ControlFile& file, const RunContext& context) {
  HEADSCOPE_ASSIGN(const auto run,
                   run_control(*opened.model, encoder, samples, how, context, saver(file)));
  if (run.samples.empty() && !run.cancelled) {
    return bad_input("control: no sample could be measured: " + dump_json(run.skipped));
  }
  HEADSCOPE_TRY(file.save(run, !run.cancelled));
  if (run.cancelled) return fail(ErrorKind::cancelled, "interrupted; run again to go on");
  return {};
}

Result<> control(const Options& options) {
  if (!options.intervene.empty()) {
    return fail(ErrorKind::usage, "--intervene: --tau and --alpha say what the control changes");
  }
  ProgressPrinter progress(options.quiet);
  const RunContext context = progress.context();
  HEADSCOPE_ASSIGN(const auto data, load_dataset(options.data));
  HEADSCOPE_ASSIGN(const auto opened,
                   open_model(options.model, load_options(options, options), context));
  HEADSCOPE_ASSIGN(const auto encoder, prompt_encoder(options, opened));
  UsedData used;
  HEADSCOPE_ASSIGN(auto how, read_settings(options, opened, used));
  HEADSCOPE_ASSIGN(const auto chosen,
                   choose_for_evaluation(data, options.wanted_part(), options.samples, used));
  print_notes(progress, chosen.notes);
  const ModelConfig& config = opened.model->config();
  HEADSCOPE_ASSIGN(const auto plan, plan_control(how, config.layers, config.heads));
  print_notes(progress, plan.notes);
  HEADSCOPE_ASSIGN(auto passport, make_passport(opened, encoder, data, chosen, options, options,
                                                options, context));
  HEADSCOPE_TRY(describe(options, how, passport));
  const ControlFile file(options.file, std::move(passport), {{"made_by", made_by()}});
  auto result = file.complete_before(plan, chosen.samples.size());
  if (result) {
    progress.note("the same control lies in " + options.file);
  } else {
    how.finished = file.finished_before(plan);
    if (!how.finished.empty()) {
      progress.note("going on after " + std::to_string(how.finished.size()) + " samples");
    }
    HEADSCOPE_TRY(run_and_save(opened, encoder, chosen.samples, how, file, context));
    result = file.complete_before(plan, chosen.samples.size());
  }
  if (!result) return fail(ErrorKind::internal, options.file + ": cannot be read back");
  return write_json(summary(*result, options.file), "");
}

}  // namespace

void add_control(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      line.add("control", "how far heads that nobody touched move when others are intervened on",
               [options] { return control(*options); });
  add_loaded_model(*command, *options);
  add_data(*command, *options, true,
           "questions to measure on (default: all, or the test part when heads or directions were "
           "made from this data)");
  command->add_option("--heads", options->heads, "head set whose first heads are the contextual")
      ->required();
  command->add_option("--tau", options->taus, "split-softmax strengths, 0.1,0.2")->delimiter(',');
  command->add_option("--alpha", options->alphas, "focus strengths, 0.1,0.3; needs --directions")
      ->delimiter(',');
  command->add_option("--directions", options->directions, "focus directions");
  command->add_option("--top-k", options->top_k, "how many heads (default 20, embedded model 5)")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--random-heads", options->random_heads,
                   "so many draws of as many heads outside the contextual ones")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--response", options->response,
                   "tokens at which masses are read: the baseline's response fed to every run, or "
                   "each run's own")
      ->check(CLI::IsMember({"baseline", "own"}))
      ->capture_default_str();
  add_prompt_options(*command, *options);
  command->add_option("--out,-o", options->file, "control.json; what it is made of lies beside it")
      ->required();
  add_common(*command, *options, "");
}

}  // namespace headscope::cli
