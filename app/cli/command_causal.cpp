// causal: does the answer rest on what is looked at? Every document masked and every top head
// ablated in turn: the drop of the answer's log-probability beside the attention mass.
#include <algorithm>
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/explain_input.h"
#include "app/cli/intervene.h"
#include "app/cli/made_by.h"
#include "app/cli/output.h"
#include "core/base/units.h"
#include "core/engine/outlook.h"
#include "core/experiment/causal_file.h"
#include "core/experiment/causal_report.h"
#include "core/runner/run_outlook.h"

namespace headscope::cli {
namespace {

struct Options : ExplainOptions {
  std::string mask = "hide";
  std::string answer;
  bool reference = false;
  bool no_heads = false;
};

Result<> check_options(const Options& options) {
  if (options.reference && options.data.empty()) {
    return fail(ErrorKind::usage, "--reference needs --data; --answer is for one prompt");
  }
  if (!options.answer.empty() && !options.data.empty()) {
    return fail(ErrorKind::usage, "--answer is for one prompt; with --data use --reference");
  }
  if (options.mask == "remove" && !options.intervene.empty()) {
    return fail(ErrorKind::usage,
                "--mask remove moves what follows the document, so that --intervene could mean "
                "other tokens: use --mask hide");
  }
  return {};
}

void describe(const Options& options, Passport& passport) {
  passport.options["mask"] = options.mask;
  passport.options["answer"] = !options.answer.empty() ? "given"
                               : options.reference     ? "reference"
                                                       : "own";
  if (!options.answer.empty()) passport.options["answer_text"] = options.answer;
  if (!options.intervene.empty()) passport.options["intervene"] = described_file(options.intervene);
}

Result<> of_prompt(const Options& options, ExplainInput& input, const CausalOptions& how,
                   std::size_t acted_on, const RunContext& context) {
  HEADSCOPE_ASSIGN(const auto sample, check_prompt(*input.opened.model, input.encoder,
                                                   {*input.one, options.answer}, how, context));
  Json result = to_json(sample);
  for (const char* unknown : {"index", "question", "em"}) result.erase(unknown);
  result["passport"] = to_json(input.passport);
  return write_explained("causal_prompt", options, input, result, causal_exhibit, acted_on,
                         context);
}

Result<> of_data(const Options& options, ExplainInput& input, const CausalOptions& how,
                 ProgressPrinter& progress) {
  const bool keeps = !options.out.empty();
  Json heading = {{"mask", options.mask}, {"notes", input.notes}};
  if (keeps) heading.update({{"headscope", "causal"}, {"made_by", made_by()}});
  const CausalFile file(options.out, std::move(heading), input.passport);
  CausalSamplesOptions run_how{.reference = options.reference};
  if (keeps) {
    run_how.finished = file.finished_before();
    run_how.on_sample = file.keeper();
  }
  if (!run_how.finished.empty()) {
    progress.note("going on after " + std::to_string(run_how.finished.size()) + " samples");
  }
  HEADSCOPE_ASSIGN(const auto run, check_samples(*input.opened.model, input.encoder, input.samples,
                                                 how, run_how, progress.context()));
  const bool complete = !run.cancelled;
  if (keeps) HEADSCOPE_TRY(file.save(run, complete));
  Json shown = keeps ? file.summary(run, complete) : file.whole(run, complete);
  for (const char* of_the_file : {"headscope", "made_by"}) shown.erase(of_the_file);
  HEADSCOPE_TRY(write_json(shown, ""));
  if (complete) return {};
  return fail(ErrorKind::cancelled, keeps ? "interrupted; run again to go on"
                                          : "interrupted; what was finished is written");
}

// A pass over the prompt for every document and every head.
Result<> announce_passes(const ExplainInput& input, const CausalOptions& how,
                         ProgressPrinter& progress) {
  const BuiltPrompt built = input.one ? *input.one : build_prompt(input.samples.front());
  HEADSCOPE_ASSIGN(const auto encoding, input.encoder.encode(built.text));
  const auto tokens = static_cast<std::int64_t>(encoding.size());
  const auto prompts = std::max<std::int64_t>(1, std::ssize(input.samples));
  const std::int64_t passes =
      prompts * (2 + std::ssize(built.documents) + (how.ablate_heads ? std::ssize(how.heads) : 0));
  PolicyEstimate all = pass_outlook(*input.opened.model, tokens, {.weights = false}).of_run();
  all.seconds *= static_cast<double>(passes);
  if (all.seconds < announced_seconds) return {};
  progress.note("estimate: " + count_text(passes) + " passes over about " + count_text(tokens) +
                " tokens, " + estimate_text(all));
  return {};
}

Result<> causal(const Options& options) {
  HEADSCOPE_TRY(check_options(options));
  ProgressPrinter progress(options.quiet);
  HEADSCOPE_ASSIGN(auto input, open_explain(options, progress));
  HEADSCOPE_ASSIGN(const auto set,
                   read_interventions(options, input.opened, options.seed, progress));
  describe(options, input.passport);
  const CausalOptions how{
      .mask = options.mask == "remove" ? DocumentMask::remove : DocumentMask::hide,
      .heads = input.heads,
      .ablate_heads = !options.no_heads,
      .max_new_tokens = options.max_new_tokens,
      .rows = options.row_convention(),
      .interventions = on_samples(set)};
  if (const auto note = note_on_marks(set, input.samples)) {
    progress.note("note: " + *note);
    input.notes.push_back(*note);
  }
  HEADSCOPE_TRY(announce_passes(input, how, progress));
  return input.one ? of_prompt(options, input, how, set.heads().size(), progress.context())
                   : of_data(options, input, how, progress);
}

}  // namespace

void add_causal(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      line.add("causal",
               "what the answer's log-probability loses without each document and each top head, "
               "beside their attention, with rank correlations",
               [options] { return causal(*options); });
  command
      ->add_option("--mask", options->mask,
                   "hide: no later token sees the document; remove: it is not in the prompt")
      ->check(CLI::IsMember({"hide", "remove"}))
      ->capture_default_str();
  command->add_option("--answer", options->answer,
                      "text to explain, used as it is (default: the model's own answer)");
  command->add_flag("--reference", options->reference,
                    "explain the first expected answer of each sample of --data");
  command->add_flag("--no-heads", options->no_heads, "documents only: ablate no head");
  add_explain(*command, *options,
              "write the JSON to this file, and only a summary to stdout; --data goes on where an "
              "interrupted run left it. Of one prompt also a figure: .png, .svg or .pdf");
}

}  // namespace headscope::cli
