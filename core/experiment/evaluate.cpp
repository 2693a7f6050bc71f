#include "core/experiment/evaluate.h"

#include <cmath>
#include <limits>

#include "core/analysis/metrics.h"
#include "core/analysis/statistics.h"

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
  const Tokenizer& tokenizer;
  const EvaluateOptions& options;
  const RunContext& context;

  // Nothing when the sample cannot be run.
  Result<std::optional<EvaluatedSample>> evaluate(const QaSample& sample) const {
    HEADSCOPE_ASSIGN(const auto prompt, make_sample_prompt(sample, options.prompt, tokenizer));
    if (prompt.tokens() > model.config().context_length) return std::nullopt;
    const SampleRunOptions how{.max_new_tokens = options.max_new_tokens,
                               .rows = options.rows,
                               .interventions = options.interventions,
                               .before_split = options.before_split};
    HEADSCOPE_ASSIGN(const auto run, run_sample(model, tokenizer, prompt, how, context));
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

// Mean of a mass over the samples that have it; null when none has.
template <class Get>
Json mean_mass(const EvaluateRun& run, const Get& get) {
  double sum = 0;
  std::int64_t n = 0;
  for (const EvaluatedSample& sample : run.samples) {
    const double value = get(sample);
    if (!std::isfinite(value)) continue;
    sum += value;
    ++n;
  }
  return n > 0 ? Json(sum / static_cast<double>(n)) : Json(nullptr);
}

}  // namespace

Result<EvaluateRun> evaluate_samples(Model& model, const Tokenizer& tokenizer,
                                     std::span<const QaSample> samples,
                                     const EvaluateOptions& options, const RunContext& context,
                                     const std::function<Result<>(const EvaluateRun&)>& on_sample) {
  const Evaluator evaluator{model, tokenizer, options, context};
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

Json summary_json(const EvaluateRun& run) {
  std::int64_t correct = 0;
  bool split = false;
  for (const EvaluatedSample& sample : run.samples) {
    correct += sample.correct ? 1 : 0;
    split = split || sample.relevant_mass_after.has_value();
  }
  const auto n = static_cast<std::int64_t>(run.samples.size());
  Json summary = {
      {"n", n},
      {"em", nullptr},
      {"em_low", nullptr},
      {"em_high", nullptr},
      {"relevant_mass", mean_mass(run, [](const auto& s) { return s.relevant_mass; })},
      {"irrelevant_mass", mean_mass(run, [](const auto& s) { return s.irrelevant_mass; })},
      {"sink_mass", mean_mass(run, [](const auto& s) { return s.sink_mass; })},
      {"skipped", run.skipped}};
  if (split) {
    summary["relevant_mass_after"] =
        mean_mass(run, [](const auto& s) { return s.relevant_mass_after.value_or(NAN); });
  }
  if (n > 0) {
    const Interval interval = wilson_interval(correct, n);
    summary["em"] = static_cast<double>(correct) / static_cast<double>(n);
    summary["em_low"] = interval.low;
    summary["em_high"] = interval.high;
  }
  return summary;
}

}  // namespace headscope
