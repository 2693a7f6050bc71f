// tune: which strength and how many heads serve one prompt best.
#include <algorithm>
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/explain_input.h"
#include "core/experiment/tune.h"

namespace headscope::cli {
namespace {

struct Options : ExplainOptions {
  std::vector<double> alphas, taus;
  std::vector<int> top_ks = {1, 5, 10, 20};
  std::string answer;
};

Result<> check_options(const Options& options) {
  if (!options.data.empty()) {
    return fail(ErrorKind::usage, "tune is for one prompt; sweep tries settings on a data set");
  }
  if (!options.intervene.empty()) {
    return fail(ErrorKind::usage, "--intervene: tune makes the interventions itself");
  }
  return {};
}

// Clipped to the heads there are, ascending, each once.
std::vector<int> clipped(std::vector<int> top_ks, std::size_t heads) {
  for (int& k : top_ks) k = std::min(k, static_cast<int>(heads));
  std::sort(top_ks.begin(), top_ks.end());
  top_ks.erase(std::unique(top_ks.begin(), top_ks.end()), top_ks.end());
  return top_ks;
}

Result<> tune_prompt(Options options) {
  HEADSCOPE_TRY(check_options(options));
  if (options.alphas.empty() && options.taus.empty()) options.alphas = {-0.3, 0.1, 0.3, 0.5, 1.0};
  options.needs_directions = !options.alphas.empty();
  options.top_k = *std::max_element(options.top_ks.begin(), options.top_ks.end());
  ProgressPrinter progress(options.quiet);
  HEADSCOPE_ASSIGN(auto input, open_explain(options, progress));
  const TuneGrid grid{.alphas = options.alphas,
                      .taus = options.taus,
                      .top_ks = clipped(options.top_ks, input.heads.size()),
                      .ranking = input.heads,
                      .directions = input.directions,
                      .answer = options.answer,
                      .max_new_tokens = options.max_new_tokens};
  HEADSCOPE_ASSIGN(const auto result,
                   tune(*input.opened.model, input.encoder, *input.one, grid, progress.context()));
  if (!options.answer.empty()) input.passport.options["answer"] = options.answer;
  Json json = to_json(result);
  json["notes"] = input.notes;
  json["passport"] = to_json(input.passport);
  return write_explained("tune", options, input, json, tune_exhibit, 0, progress.context());
}

}  // namespace

void add_tune(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      line.add("tune",
               "a small grid of strengths and numbers of heads on one prompt: log-probability of "
               "the right answer, or without one the relevant document's share of attention",
               [options] { return tune_prompt(*options); });
  command
      ->add_option("--alpha", options->alphas,
                   "strengths of focus directions (default -0.3,0.1,0.3,0.5,1 without --tau)")
      ->delimiter(',');
  command->add_option("--tau", options->taus, "strengths of split-softmax; need --gold")
      ->delimiter(',')
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--top-ks", options->top_ks, "numbers of heads")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--answer", options->answer,
                      "the right answer, as it follows the prompt (with its leading space)");
  command->add_option("--directions", options->directions,
                      "focus directions (default: the model's own)");
  add_explain(*command, *options,
              "write the JSON to this file instead of stdout, or a figure: .png, .svg, .pdf");
}

}  // namespace headscope::cli
