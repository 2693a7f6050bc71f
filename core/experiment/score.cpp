#include "core/experiment/score.h"

#include <variant>

#include "core/analysis/metrics.h"

namespace headscope {
namespace {

using Skipped = const char*;
using SampleOutcome = std::variant<ScoredSample, Skipped>;

struct Scorer {
  Model& model;
  const Tokenizer& tokenizer;
  const ScoreOptions& options;
  const RunContext& context;

  bool fits(const SamplePrompt& prompt) const {
    return prompt.tokens() <= model.config().context_length;
  }

  Result<SampleRun> run(const SamplePrompt& prompt) const {
    return run_sample(model, tokenizer, prompt,
                      {.max_new_tokens = options.max_new_tokens, .rows = options.rows}, context);
  }

  Result<SampleOutcome> score(const QaSample& sample) const {
    HEADSCOPE_ASSIGN(const auto prompt, make_sample_prompt(sample, PromptKind::all, tokenizer));
    if (prompt.gold.empty()) return skip_no_gold;
    if (!fits(prompt)) return skip_too_long;
    HEADSCOPE_ASSIGN(const auto all, run(prompt));
    if (all.ids.empty()) return skip_empty_response;
    ScoredSample scored{
        sample.index, best_subspan_em(all.response, sample.answers), all.scores, {}};
    if (!options.gold_only) return scored;
    HEADSCOPE_ASSIGN(const auto gold_prompt,
                     make_sample_prompt(sample, PromptKind::gold_only, tokenizer));
    HEADSCOPE_ASSIGN(const auto gold_only, run(gold_prompt));
    if (gold_only.ids.empty()) return skip_empty_gold_only;
    scored.gold_only = gold_only.scores;
    return scored;
  }
};

}  // namespace

Result<ScoreRun> score_samples(Model& model, const Tokenizer& tokenizer,
                               std::span<const QaSample> samples, const ScoreOptions& options,
                               const RunContext& context) {
  const Scorer scorer{model, tokenizer, options, context};
  ScoreRun run;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    context.progress("sample", static_cast<double>(i), static_cast<double>(samples.size()));
    auto outcome = context.cancelled() ? Result<SampleOutcome>(fail(ErrorKind::cancelled, ""))
                                       : scorer.score(samples[i]);
    if (!outcome && outcome.error().kind == ErrorKind::cancelled) {
      run.cancelled = true;
      break;
    }
    if (!outcome) return tl::unexpected(outcome.error());
    if (auto* scored = std::get_if<ScoredSample>(&*outcome)) {
      run.samples.push_back(std::move(*scored));
    } else {
      ++run.skipped[std::get<Skipped>(*outcome)];
    }
  }
  return run;
}

}  // namespace headscope
