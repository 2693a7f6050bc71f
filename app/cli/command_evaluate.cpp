// evaluate: exact match and attention masses over a data set, with or without interventions.
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/evaluate_suite.h"
#include "app/cli/experiment_options.h"
#include "app/cli/intervene.h"
#include "app/cli/output.h"
#include "app/cli/prompt_input.h"
#include "core/base/file.h"
#include "core/experiment/evaluate.h"
#include "core/experiment/save_clock.h"
#include "core/session/head_set.h"

namespace headscope::cli {
namespace {

using Options = EvaluateArguments;

// Heads over which masses are averaged: those intervened on, else the head set's first, else all.
Result<std::vector<HeadId>> mass_heads(const Options& options, const OpenedModel& opened,
                                       const InterventionSet& set, UsedData& used) {
  if (!set.empty()) return set.heads();
  if (options.heads.empty()) return std::vector<HeadId>{};
  HEADSCOPE_ASSIGN(auto head_set, read_head_set(options.heads));
  const ModelConfig& config = opened.model->config();
  HEADSCOPE_TRY(check_fits(head_set, options.heads, config.layers, config.heads));
  used.add(head_set.passport);
  const auto top_k = static_cast<std::size_t>(options.top_k.value_or(default_top_k(opened)));
  if (head_set.ranking.size() > top_k) head_set.ranking.resize(top_k);
  return std::move(head_set.ranking);
}

Result<> check_options(const Options& options) {
  if (!options.lengths.empty() || !options.tasks.empty() || !options.directions.empty() ||
      !options.alphas.empty() || !options.demo_data.empty()) {
    return fail(ErrorKind::usage,
                "--length, --tasks, --directions, --alpha and --demo-data go with --suite");
  }
  if (options.data.empty()) return fail(ErrorKind::usage, "--data or --suite is required");
  return {};
}

// Everything that decides the result.
void describe(const Options& options, const EvaluateOptions& how, Passport& passport) {
  passport.options["prompt"] = options.prompt;
  if (!options.intervene.empty()) passport.options["intervene"] = described_file(options.intervene);
  Json heads = Json::array();
  for (const HeadId head : how.mass_heads) heads.push_back({head.layer, head.head});
  passport.options["mass_heads"] = std::move(heads);
}

// The lines, and beside them a file with the summary, which says whether the run is complete.
struct Output {
  std::string file, part, prompt;
  std::vector<std::string> notes;
  Passport passport;

  std::string summary_file() const { return file + ".summary.json"; }

  Json summary(const EvaluateRun& run, bool complete) const {
    Json summary = summary_json(run);
    summary["headscope"] = "evaluation";
    summary["part"] = part;
    summary["prompt"] = prompt;
    summary["notes"] = notes;
    summary["file"] = file;
    summary["complete"] = complete;
    summary["passport"] = to_json(passport);
    return summary;
  }

  // The lines first: a summary never speaks of lines that are not there.
  Result<> save(const EvaluateRun& run, bool complete) const {
    HEADSCOPE_TRY(write_file_atomically(file, result_lines(run)));
    return write_json(summary(run, complete), summary_file(), 2);
  }

  // Samples of an interrupted run with the same passport; none when there is nothing to go on from.
  std::vector<EvaluatedSample> finished_before() const {
    std::error_code ignored;
    if (!std::filesystem::exists(summary_file(), ignored)) return {};
    const auto before = read_json_file(summary_file());
    const bool ours = before && before->is_object() && before->contains("complete") &&
                      (*before)["complete"] == false && before->contains("passport") &&
                      (*before)["passport"] == to_json(passport);
    if (!ours) return {};
    const auto text = read_text_file(file);
    auto samples = text ? parse_result_lines(*text, file) : Result<std::vector<EvaluatedSample>>();
    return samples ? std::move(*samples) : std::vector<EvaluatedSample>{};
  }
};

std::function<Result<>(const EvaluateRun&)> saver(const Output& output) {
  return [&output, clock = SaveClock()](const EvaluateRun& run) mutable -> Result<> {
    return clock.is_time() ? output.save(run, false) : Result<>{};
  };
}

Result<> evaluate(const Options& options) {
  if (!options.suite.empty()) return evaluate_suite(options);
  HEADSCOPE_TRY(check_options(options));
  ProgressPrinter progress(options.quiet);
  const RunContext context = progress.context();
  HEADSCOPE_ASSIGN(const auto data, load_dataset(options.data));
  HEADSCOPE_ASSIGN(const auto opened,
                   open_model(options.model, load_options(options, options), context));
  HEADSCOPE_ASSIGN(const auto encoder, prompt_encoder(options, opened));
  HEADSCOPE_ASSIGN(const auto set, read_interventions(options, opened, options.seed, progress));
  UsedData used = set.used();
  EvaluateOptions how{.prompt = prompt_kind_named(options.prompt).value_or(PromptKind::all),
                      .max_new_tokens = options.max_new_tokens,
                      .rows = options.row_convention(),
                      .before_split = set.splits(),
                      .interventions = on_samples(set)};
  HEADSCOPE_ASSIGN(how.mass_heads, mass_heads(options, opened, set, used));
  HEADSCOPE_ASSIGN(auto chosen,
                   choose_for_evaluation(data, options.wanted_part(), options.samples, used));
  if (auto note = note_on_marks(set, chosen.samples)) chosen.notes.push_back(std::move(*note));
  print_notes(progress, chosen.notes);
  Output output{options.file, part_name(chosen.part), options.prompt, chosen.notes, {}};
  HEADSCOPE_ASSIGN(output.passport, make_passport(opened, encoder, data, chosen, options, options,
                                                  options, context));
  describe(options, how, output.passport);
  how.finished = output.finished_before();
  if (!how.finished.empty()) {
    progress.note("going on after " + std::to_string(how.finished.size()) + " samples");
  }
  const std::span left = chosen.samples;
  HEADSCOPE_TRY(announce_samples(progress, opened,
                                 left.subspan(std::min(how.finished.size(), left.size())),
                                 options.max_new_tokens));
  HEADSCOPE_ASSIGN(const auto run, evaluate_samples(*opened.model, encoder, chosen.samples, how,
                                                    context, saver(output)));
  HEADSCOPE_TRY(output.save(run, !run.cancelled));
  HEADSCOPE_TRY(write_json(output.summary(run, !run.cancelled), ""));
  if (run.cancelled) return fail(ErrorKind::cancelled, "interrupted; run again to go on");
  return {};
}

}  // namespace

void add_evaluate(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command = line.add("evaluate",
                               "answers and attention masses over a data set, or over long-context "
                               "suites with and without focus directions",
                               [options] { return evaluate(*options); });
  add_loaded_model(*command, *options);
  add_data(*command, *options, false,
           "questions to evaluate on (default: all, or the test part when heads or directions were "
           "made from this data)");
  add_suite_options(*command, *options);
  command->add_option("--heads", options->heads, "head set whose first heads masses are read at");
  command->add_option("--top-k", options->top_k, "how many of them (default 20, embedded model 5)")
      ->check(CLI::PositiveNumber);
  command->add_option("--prompt", options->prompt, "all documents, the gold one, or all others")
      ->check(CLI::IsMember({"all", "gold", "no-gold"}))
      ->capture_default_str();
  add_prompt_options(*command, *options);
  command->add_option("--out,-o", options->file, "JSON lines to write, one a sample")->required();
  add_common(*command, *options, "");
  command->parse_complete_callback(
      [command, options] { options->new_tokens_given = command->count("--max-new-tokens") > 0; });
}

}  // namespace headscope::cli
