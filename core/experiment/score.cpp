#include "core/experiment/score.h"

#include <algorithm>
#include <variant>

#include "core/analysis/metrics.h"

namespace headscope {
namespace {

using Skipped = const char*;

struct Scorer {
  Model& model;
  const PromptEncoder& encoder;
  const ScoreOptions& options;
  const RunContext& context;

  Result<SampleRun> run(const SamplePrompt& prompt, bool spread = false) const {
    return run_sample(model, encoder.tokenizer(), prompt,
                      {.max_new_tokens = options.max_new_tokens,
                       .rows = options.rows,
                       .interventions = options.interventions,
                       .spread = spread},
                      context);
  }

  const ScoredSample* known(const QaSample& sample) const {
    const auto found = std::ranges::find_if(options.finished, [&](const ScoredSample& before) {
      return before.index == sample.index && before.question == sample.question;
    });
    return found == options.finished.end() ? nullptr : &*found;
  }

  Result<std::variant<ScoredSample, Skipped>> score(const QaSample& sample) const {
    if (const ScoredSample* before = known(sample)) return *before;
    HEADSCOPE_ASSIGN(auto outcome, measure(sample));
    const auto* scored = std::get_if<ScoredSample>(&outcome);
    if (scored != nullptr && options.on_sample) HEADSCOPE_TRY(options.on_sample(*scored));
    return outcome;
  }

  Result<std::variant<ScoredSample, Skipped>> measure(const QaSample& sample) const {
    HEADSCOPE_ASSIGN(const auto prompt, make_sample_prompt(sample, PromptKind::all, encoder));
    if (prompt.gold.empty()) return skip_no_gold;
    if (prompt.tokens() > model.config().context_length) return skip_too_long;
    HEADSCOPE_ASSIGN(auto all, run(prompt, options.spread));
    if (all.ids.empty()) return skip_empty_response;
    ScoredSample scored;
    scored.index = sample.index;
    scored.question = sample.question;
    scored.scores = std::move(all.scores);
    scored.spread = std::move(all.spread);
    scored.correct = best_subspan_em(all.response, sample.answers);
    if (!options.gold_only) return scored;
    HEADSCOPE_ASSIGN(const auto gold_prompt,
                     make_sample_prompt(sample, PromptKind::gold_only, encoder));
    HEADSCOPE_ASSIGN(auto gold_only, run(gold_prompt));
    if (gold_only.ids.empty()) return skip_empty_gold_only;
    scored.gold_only = std::move(gold_only.scores);
    return scored;
  }
};

// Sums over samples, which become means when all are there.
void add(std::vector<double>& sums, const std::vector<float>& values) {
  sums.resize(values.size(), 0.0);
  for (std::size_t i = 0; i < values.size(); ++i) sums[i] += static_cast<double>(values[i]);
}

std::vector<float> means(const std::vector<double>& sums, std::int64_t samples) {
  std::vector<float> values;
  for (const double sum : sums)
    values.push_back(static_cast<float>(sum / static_cast<double>(samples)));
  return values;
}

}  // namespace

Result<ScoreRun> score_samples(Model& model, const PromptEncoder& encoder,
                               std::span<const QaSample> samples, const ScoreOptions& options,
                               const RunContext& context) {
  const Scorer scorer{model, encoder, options, context};
  ScoreRun run{ScoreAccumulator(model.config().layers, model.config().heads), {}, {}, false};
  std::vector<double> entropy, distance;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    context.progress("sample", static_cast<double>(i), static_cast<double>(samples.size()));
    run.cancelled = context.cancelled();
    if (run.cancelled) break;
    const auto outcome = scorer.score(samples[i]);
    if (!outcome) {
      run.cancelled = outcome.error().kind == ErrorKind::cancelled;
      if (run.cancelled) break;
      return tl::unexpected(outcome.error());
    }
    if (const auto* skipped = std::get_if<Skipped>(&*outcome)) {
      run.scores.skip(*skipped);
      continue;
    }
    const auto& scored = std::get<ScoredSample>(*outcome);
    if (run.scores.add(scored.scores, scored.gold_only ? &*scored.gold_only : nullptr,
                       scored.correct)) {
      run.questions.push_back(samples[i].question);
      if (!scored.spread) continue;
      add(entropy, scored.spread->entropy);
      add(distance, scored.spread->distance);
    }
  }
  run.spread = {means(entropy, run.scores.samples()), means(distance, run.scores.samples())};
  return run;
}

}  // namespace headscope
