// generate: the answer to one prompt.
#include <limits>
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/intervene.h"
#include "app/cli/options.h"
#include "app/cli/outlook_note.h"
#include "app/cli/output.h"
#include "app/cli/prompt_input.h"
#include "app/cli/prompt_passport.h"
#include "app/cli/terminal.h"
#include "core/runner/run_outlook.h"

namespace headscope::cli {
namespace {

struct Options : CommonOptions, ModelChoice, PromptOptions, PromptSource {
  double temperature = 0;
  int top_k = 0;
  double top_p = 1;
};

// A model whose ways of computing disagree answers anyway, but not silently.
Result<> note_parity(Model& model, ProgressPrinter& progress) {
  constexpr double seconds = 0.5;  // small models only; "info --check" has time
  HEADSCOPE_ASSIGN(const auto report, model.self_check(seconds, progress.context()));
  if (report.checked() && !report.good()) progress.note("warning: " + parity_text(report));
  return {};
}

Result<> add_passport(const OpenedPrompt& input, const Options& options, const RunContext& context,
                      Json& result) {
  HEADSCOPE_ASSIGN(auto passport, prompt_passport(input, options, options, options, context));
  passport.options["sampling"] = {
      {"temperature", options.temperature}, {"top_k", options.top_k}, {"top_p", options.top_p}};
  result["passport"] = to_json(passport);
  return {};
}

Result<> generate(const Options& options) {
  ProgressPrinter progress(options.quiet);
  HEADSCOPE_ASSIGN(const auto input,
                   open_with_prompt(options, options, options, options, progress.context()));
  const auto& [opened, encoder, prompt] = input;
  HEADSCOPE_TRY(note_parity(*opened.model, progress));
  GenerateRequest request;
  request.prompt_ids = prompt.encoding.ids;
  request.max_new_tokens = options.max_new_tokens;
  request.sampling = {options.temperature, options.top_k, options.top_p, options.seed};
  HEADSCOPE_ASSIGN(const auto set, read_interventions(options, opened, options.seed, progress));
  HEADSCOPE_ASSIGN(request.interventions, interventions_for(set, prompt));
  const RunOutlook outlook = look_ahead(
      *opened.model,
      {.prompt_tokens = std::ssize(request.prompt_ids), .new_tokens = options.max_new_tokens});
  announce(progress, outlook, outlook.nothing, "nothing captured");
  HEADSCOPE_ASSIGN(const auto generation, opened.model->generate(request, progress.context()));
  // Without a tokenizer there are ids only.
  const std::string text = opened.tokenizer ? opened.tokenizer->decode(generation.ids) : "";
  Json result = {{"prompt_ids", request.prompt_ids},
                 {"ids", generation.ids},
                 {"text", text},
                 {"stop", generation.stopped_at_eos ? "eos" : "length"}};
  if (!options.out.empty()) HEADSCOPE_TRY(add_passport(input, options, progress.context(), result));
  return write_result("generation", std::move(result), options.out);
}

}  // namespace

void add_generate(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      line.add("generate", "the answer to one prompt, with or without an intervention",
               [options] { return generate(*options); });
  add_loaded_model(*command, *options);
  add_prompt_source(*command, *options);
  add_prompt_options(*command, *options);
  command->add_option("--temperature", options->temperature, "0 = the most likely token each time")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  command->add_option("--top-k", options->top_k, "draw from the k most likely tokens, 0 = all")
      ->check(CLI::Range(0, std::numeric_limits<int>::max()))
      ->capture_default_str();
  command->add_option("--top-p", options->top_p, "draw from the most likely ones of this mass")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  add_common(*command, *options);
}

}  // namespace headscope::cli
