#include "core/experiment/evaluate.h"

#include <limits>

#include "core/analysis/metrics.h"

namespace headscope {
namespace {

double mean_over(const std::vector<float>& values, const HeadScores& scores,
                 const std::vector<HeadId>& heads) {
  double sum = 0;
  if (heads.empty()) {
    for (const float value : values) sum += value;
    return values.empty() ? std::numeric_limits<double>::quiet_NaN()
                          : sum / static_cast<double>(values.size());
  }
  for (const HeadId head : heads) sum += values[scores.index(head)];
  return sum / static_cast<double>(heads.size());
}

struct Evaluator {
  Model& model;
  const PromptEncoder& encoder;
  const EvaluateOptions& options;
  const RunContext& context;

  // Nothing when the sample cannot be run.
  Result<std::optional<EvaluatedSample>> evaluate(const QaSample& sample) const {
    HEADSCOPE_ASSIGN(const auto prompt, make_sample_prompt(sample, options.prompt, encoder));
    if (prompt.tokens() > model.config().context_length) return std::nullopt;
    const SampleRunOptions how{.max_new_tokens = options.max_new_tokens,
                               .rows = options.rows,
                               .interventions = options.interventions,
                               .before_split = options.before_split};
    HEADSCOPE_ASSIGN(const auto run, run_sample(model, encoder.tokenizer(), prompt, how, context));
    return described(sample, run);
  }

  EvaluatedSample described(const QaSample& sample, const SampleRun& run) const {
    EvaluatedSample result;
    result.index = sample.index;
    result.question = sample.question;
    result.response = run.response;
    result.gold_position = sample.gold_position();
    result.correct = best_subspan_em(run.response, sample.answers);
    const HeadScores& scores = run.scores_before ? *run.scores_before : run.scores;
    result.relevant_mass = mean_over(scores.relevant, scores, options.mass_heads);
    result.irrelevant_mass = mean_over(scores.irrelevant_sum, scores, options.mass_heads);
    result.sink_mass = mean_over(scores.sink, scores, options.mass_heads);
    if (options.before_split) {
      result.relevant_mass_after = mean_over(run.scores.relevant, run.scores, options.mass_heads);
    }
    return result;
  }
};

const EvaluatedSample* find_finished(const std::vector<EvaluatedSample>& finished,
                                     const QaSample& sample) {
  for (const EvaluatedSample& known : finished) {
    if (known.index == sample.index && known.question == sample.question) return &known;
  }
  return nullptr;
}

}  // namespace

Result<EvaluateRun> evaluate_samples(Model& model, const PromptEncoder& encoder,
                                     std::span<const QaSample> samples,
                                     const EvaluateOptions& options, const RunContext& context,
                                     const std::function<Result<>(const EvaluateRun&)>& on_sample) {
  const Evaluator evaluator{model, encoder, options, context};
  EvaluateRun run;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    context.progress("sample", static_cast<double>(i), static_cast<double>(samples.size()));
    if (const auto* known = find_finished(options.finished, samples[i])) {
      run.samples.push_back(*known);
      continue;
    }
    if (context.cancelled()) {
      run.cancelled = true;
      break;
    }
    auto outcome = evaluator.evaluate(samples[i]);
    if (!outcome && outcome.error().kind == ErrorKind::cancelled) {
      run.cancelled = true;
      break;
    }
    if (!outcome) return tl::unexpected(outcome.error());
    if (*outcome) {
      run.samples.push_back(std::move(**outcome));
    } else {
      ++run.skipped[skip_too_long];
    }
    if (on_sample) HEADSCOPE_TRY(on_sample(run));
  }
  return run;
}
}  // namespace headscope
