#include "core/experiment/suite_run.h"

#include <algorithm>

#include "core/analysis/metrics.h"
#include "core/text/spans.h"

namespace headscope {
namespace {

SuiteLine heading(const FittedSample& fitted, const SuiteMethod& method) {
  const SuiteSample& sample = fitted.sample;
  SuiteLine line;
  line.task = sample.task;
  line.category = sample.category;
  line.method = method.name;
  line.metric = metric_name(sample.metric);
  line.index = sample.index;
  line.length = fitted.length;
  line.tokens = fitted.tokens;
  line.question = sample.question;
  return line;
}

struct Runner {
  Model& model;
  const PromptEncoder& encoder;
  const SuiteRunOptions& options;
  const RunContext& context;

  Result<SuiteLine> run(const FittedSample& fitted, const SamplePrompt& prompt,
                        const SuiteMethod& method, PromptStore& store) const {
    SampleRunOptions how;
    how.max_new_tokens = options.max_new_tokens.value_or(fitted.sample.max_new_tokens);
    how.rows = options.rows;
    if (options.methods.size() > 1) how.store = &store;
    if (method.set != nullptr) {
      how.interventions = on_samples(*method.set);
      how.before_split = method.set->splits();
    }
    HEADSCOPE_ASSIGN(const auto run, run_sample(model, encoder.tokenizer(), prompt, how, context));
    SuiteLine line = heading(fitted, method);
    line.response = run.response;
    line.em = best_subspan_em(run.response, fitted.sample.answers);
    line.value = suite_score(fitted.sample, run.response, is_chat(encoder));
    put_masses(run, options.mass_heads, line);
    if (run.scores_before) {
      line.relevant_mass_after =
          mean_over_heads(run.scores.relevant, run.scores, options.mass_heads);
    }
    return line;
  }
};

}  // namespace

Result<SamplePrompt> suite_prompt(const SuiteSample& sample, const PromptEncoder& encoder) {
  SamplePrompt prompt;
  prompt.built.text = sample.prompt(is_chat(encoder));
  for (const ByteSpan& span : sample.gold) {
    DocumentSpan document;
    document.line = document.relevant = span;
    document.gold = true;
    prompt.built.documents.push_back(std::move(document));
  }
  HEADSCOPE_ASSIGN(prompt.encoding, encoder.encode(prompt.built.text));
  prompt.gold = tokens_in_spans(prompt.encoding.offsets, sample.gold);
  // Thousands of needles would be thousands of sums a head and row.
  auto others = tokens_in_spans(prompt.encoding.offsets, sample.others);
  if (!others.empty()) prompt.others.push_back(std::move(others));
  return prompt;
}

Result<> run_suite(Model& model, const PromptEncoder& encoder,
                   std::span<const FittedSample> samples, const SuiteRunOptions& options,
                   const RunContext& context, const std::function<Result<>(SuiteLine)>& on_line) {
  const Runner runner{model, encoder, options, context};
  const auto total = static_cast<double>(samples.size() * options.methods.size());
  double done = 0;
  for (const FittedSample& fitted : samples) {
    std::optional<SamplePrompt> prompt;
    PromptStore store;  // methods share what lies below the first layer they touch
    for (const SuiteMethod& method : options.methods) {
      context.progress(fitted.sample.task + " " + std::to_string(fitted.length), done++, total);
      const SuiteLine wanted = heading(fitted, method);
      const auto known = std::ranges::find_if(
          options.finished, [&](const SuiteLine& line) { return line.same_run(wanted); });
      if (known != options.finished.end()) {
        HEADSCOPE_TRY(on_line(*known));
        continue;
      }
      if (context.cancelled()) return fail(ErrorKind::cancelled, "interrupted; run again to go on");
      if (!prompt) {
        HEADSCOPE_ASSIGN(prompt, suite_prompt(fitted.sample, encoder));
      }
      HEADSCOPE_ASSIGN(auto line, runner.run(fitted, *prompt, method, store));
      HEADSCOPE_TRY(on_line(std::move(line)));
    }
  }
  return {};
}

}  // namespace headscope
