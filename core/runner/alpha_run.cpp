#include "core/runner/alpha_run.h"

#include "core/engine/alpha_scan.h"
#include "core/runner/prompt_view.h"
#include "core/runner/run_result.h"

namespace headscope {
namespace {

Result<std::shared_ptr<RunResult>> run(Model& model, const Tokenizer& tokenizer,
                                       const PromptView& prompt, const AlphaRunOptions& options,
                                       double alpha, bool weights, const RunContext& context) {
  GenerateRequest request;
  request.prompt_ids = prompt_ids(prompt);
  request.max_new_tokens = options.max_new_tokens;
  if (alpha != 0) {
    request.interventions.push_back({Focus{alpha, options.directions}, options.heads, {}});
  }
  Capture capture;
  capture.span_sets = document_sets(prompt);
  capture.weights = weights;
  request.capture = std::move(capture);
  HEADSCOPE_ASSIGN(const auto generation, model.generate(request, {context.is_cancelled, {}, {}}));
  if (generation.ids.empty()) return bad_input("empty response");
  return make_run_result(prompt, generation, options.rows, tokenizer, context);
}

Result<AlphaOutcome> outcome_of(const PromptView& prompt, const RunResult& result,
                                const AlphaRunOptions& options) {
  const auto shares = shares_of(prompt, result, options.heads);
  if (!shares) return fail(ErrorKind::internal, "the run kept no attention of these heads");
  return AlphaOutcome{*shares, result.response_text, result.matches_answer};
}

}  // namespace

Result<std::vector<AlphaPoint>> scan_prompt(Model& model, const Tokenizer& tokenizer,
                                            const PromptView& prompt,
                                            const AlphaRunOptions& options, AlphaOutcome& outcome,
                                            const RunContext& context) {
  if (model.config().attention_softcap > 0) {
    return bad_input("auto alpha: " + model.config().model_type +
                     " caps its attention scores, so that cached weights do not tell what alpha "
                     "would do; try strengths with sweep instead");
  }
  HEADSCOPE_ASSIGN(const auto baseline, run(model, tokenizer, prompt, options, 0, true, context));
  HEADSCOPE_ASSIGN(outcome, outcome_of(prompt, *baseline, options));
  GenerateRequest replay;
  replay.prompt_ids = prompt_ids(prompt);
  for (const TokenView& token : baseline->response) replay.forced_response.push_back(token.id);
  replay.max_new_tokens = options.max_new_tokens;
  PreviewInputs inputs;
  HEADSCOPE_ASSIGN(inputs.focus_bias, model.focus_bias(replay, *options.directions, context));
  auto scan = scan_alpha(prompt, *baseline, inputs, options.heads, options.alphas,
                         [&] { return context.cancelled(); });
  if (context.cancelled()) return fail(ErrorKind::cancelled, "cancelled");
  if (scan.empty()) return fail(ErrorKind::internal, "the run kept no weights of these heads");
  return scan;
}

Result<AlphaOutcome> run_at_alpha(Model& model, const Tokenizer& tokenizer,
                                  const PromptView& prompt, const AlphaRunOptions& options,
                                  double alpha, const RunContext& context) {
  HEADSCOPE_ASSIGN(const auto result,
                   run(model, tokenizer, prompt, options, alpha, false, context));
  return outcome_of(prompt, *result, options);
}

}  // namespace headscope
