#include "core/analysis/score_summary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "core/analysis/statistics.h"
#include "core/base/rng.h"

namespace headscope {
namespace {

bool has_shape(const HeadScores& scores, std::size_t total) {
  return scores.relevant.size() == total && scores.sink.size() == total &&
         scores.irrelevant_sum.size() == total && scores.irrelevant_max.size() == total;
}

bool has_nan(const std::vector<float>& values) {
  return std::any_of(values.begin(), values.end(), [](float value) { return std::isnan(value); });
}

void add_to(std::vector<double>& sums, const std::vector<float>& values) {
  sums.resize(values.size(), 0.0);
  for (std::size_t i = 0; i < values.size(); ++i) sums[i] += static_cast<double>(values[i]);
}

std::vector<float> divided(const std::vector<double>& sums, std::int64_t n) {
  std::vector<float> means;
  means.reserve(sums.size());
  for (const double sum : sums) means.push_back(static_cast<float>(sum / static_cast<double>(n)));
  return means;
}

/// Means over all samples, each taken `counts` times: [total].
std::vector<double> weighted_means(const std::vector<float>& values,
                                   const std::vector<std::uint32_t>& counts, std::size_t total) {
  std::vector<double> means(total, 0.0);
  double n = 0;
  for (std::size_t sample = 0; sample < counts.size(); ++sample) {
    if (counts[sample] == 0) continue;
    const double weight = counts[sample];
    n += weight;
    const float* row = values.data() + sample * total;
    for (std::size_t i = 0; i < total; ++i) means[i] += weight * static_cast<double>(row[i]);
  }
  for (auto& value : means) value /= n;
  return means;
}

/// How often each of `of` samples is drawn when n are drawn with replacement.
std::vector<std::uint32_t> draw_samples(Rng& rng, std::size_t of, std::size_t n) {
  std::vector<std::uint32_t> counts(of, 0);
  for (std::size_t i = 0; i < n; ++i) ++counts[static_cast<std::size_t>(rng.below(of))];
  return counts;
}

std::vector<HeadId> ranking_of_means(const std::vector<double>& means, int layers, int heads) {
  return rank_heads({means.begin(), means.end()}, layers, heads);
}

/// Draws of all heads' means at once, because the same samples are drawn for every head.
void bootstrap(const std::vector<float>& values, std::size_t samples, const SummaryOptions& options,
               ScoreSummary& summary) {
  const std::size_t total = summary.relevant.size();
  std::vector<std::vector<double>> per_head(total);
  Rng rng(options.seed);
  std::vector<HeadId> previous;
  double overlap = 0;
  int pairs = 0;
  for (int draw = 0; draw < options.draws; ++draw) {
    const auto means = weighted_means(values, draw_samples(rng, samples, samples), total);
    for (std::size_t i = 0; i < total; ++i) per_head[i].push_back(means[i]);
    auto ranking = ranking_of_means(means, summary.layers, summary.heads);
    if (draw % 2 == 1) {
      overlap += top_k_jaccard(previous, ranking, static_cast<std::size_t>(summary.stability_k));
      ++pairs;
    }
    previous = std::move(ranking);
  }
  for (std::size_t i = 0; i < total; ++i) {
    summary.relevant_low[i] = static_cast<float>(quantile(per_head[i], 0.025));
    summary.relevant_high[i] = static_cast<float>(quantile(per_head[i], 0.975));
  }
  if (pairs > 0 && samples >= 2) summary.stability = overlap / pairs;
}

/// n = 1, 2, 5, 10, 20, 50 ... and last all samples.
std::vector<std::size_t> curve_sizes(std::size_t samples) {
  std::vector<std::size_t> sizes;
  for (std::size_t decade = 1; decade < samples; decade *= 10) {
    for (const std::size_t step : {1u, 2u, 5u})
      if (step * decade < samples) sizes.push_back(step * decade);
  }
  sizes.push_back(samples);
  return sizes;
}

void add_stability_curve(const std::vector<float>& values, std::size_t samples,
                         const SummaryOptions& options, ScoreSummary& summary) {
  if (samples < 2 || options.curve_draws < 1) return;
  const auto k = static_cast<std::size_t>(summary.stability_k);
  for (const std::size_t n : curve_sizes(samples)) {
    Rng rng(options.seed, n);
    std::vector<double> overlaps;
    for (int draw = 0; draw < options.curve_draws; ++draw) {
      const auto means =
          weighted_means(values, draw_samples(rng, samples, n), summary.relevant.size());
      overlaps.push_back(top_k_jaccard(ranking_of_means(means, summary.layers, summary.heads),
                                       summary.ranking, k));
    }
    summary.stability_curve.push_back({static_cast<std::int64_t>(n), mean(overlaps),
                                       quantile(overlaps, 0.025), quantile(overlaps, 0.975)});
  }
}

double mean_of_draw(const std::vector<double>& values, Rng& rng) {
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    sum += values[static_cast<std::size_t>(rng.below(values.size()))];
  return sum / static_cast<double>(values.size());
}

void add_difference(const std::vector<double>& right, const std::vector<double>& wrong,
                    const SummaryOptions& options, MassByOutcome& outcome) {
  outcome.difference = outcome.right_relevant - outcome.wrong_relevant;
  outcome.low = outcome.high = std::numeric_limits<double>::quiet_NaN();
  if (right.empty() || wrong.empty() || options.draws < 1) return;
  Rng rng(options.seed, 7);
  std::vector<double> differences;
  for (int draw = 0; draw < options.draws; ++draw)
    differences.push_back(mean_of_draw(right, rng) - mean_of_draw(wrong, rng));
  outcome.low = quantile(differences, 0.025);
  outcome.high = quantile(differences, 0.975);
}

MassByOutcome mass_by_outcome(const std::vector<float>& relevant, const std::vector<bool>& correct,
                              const SummaryOptions& options, const ScoreSummary& summary) {
  const std::size_t total = summary.relevant.size();
  const auto count =
      std::min(summary.ranking.size(), static_cast<std::size_t>(summary.stability_k));
  std::vector<double> right, wrong;
  for (std::size_t sample = 0; sample < correct.size(); ++sample) {
    double mass = 0;
    for (std::size_t rank = 0; rank < count; ++rank) {
      const auto id = summary.ranking[rank];
      const auto i = static_cast<std::size_t>(id.layer) * static_cast<std::size_t>(summary.heads) +
                     static_cast<std::size_t>(id.head);
      mass += static_cast<double>(relevant[sample * total + i]);
    }
    (correct[sample] ? right : wrong).push_back(mass / static_cast<double>(count));
  }
  MassByOutcome outcome;
  outcome.right_n = static_cast<std::int64_t>(right.size());
  outcome.wrong_n = static_cast<std::int64_t>(wrong.size());
  outcome.right_relevant = mean(right);
  outcome.wrong_relevant = mean(wrong);
  add_difference(right, wrong, options, outcome);
  return outcome;
}

}  // namespace

bool ScoreAccumulator::add(const HeadScores& scores, const HeadScores* gold_only, bool correct) {
  const bool shaped =
      has_shape(scores, total()) && (gold_only == nullptr || has_shape(*gold_only, total()));
  const char* reason = nullptr;
  if (!shaped || scores.layers != layers_ || scores.heads != heads_) {
    reason = "scores of another shape";
  } else if (has_nan(scores.sink)) {
    reason = "empty response";
  } else if (has_nan(scores.relevant)) {
    reason = "no gold document";
  } else if (gold_only != nullptr && has_nan(gold_only->relevant)) {
    reason = "empty response to the gold-only prompt";
  }
  if (reason != nullptr) {
    skip(reason);
    return false;
  }
  relevant_.insert(relevant_.end(), scores.relevant.begin(), scores.relevant.end());
  add_to(sink_, scores.sink);
  add_to(irrelevant_sum_, scores.irrelevant_sum);
  add_to(irrelevant_max_, scores.irrelevant_max);
  correct_.push_back(correct);
  if (gold_only == nullptr) return true;
  add_to(gold_only_relevant_, gold_only->relevant);
  add_to(gold_only_sink_, gold_only->sink);
  ++gold_only_samples_;
  return true;
}

ScoreSummary ScoreAccumulator::summary(const SummaryOptions& options) const {
  ScoreSummary summary;
  summary.layers = layers_;
  summary.heads = heads_;
  summary.samples = samples();
  summary.skipped = skipped_;
  summary.stability_k = std::clamp(options.top_k, 1, std::max(1, static_cast<int>(total())));
  summary.stability = std::numeric_limits<double>::quiet_NaN();
  if (samples() == 0 || total() == 0) return summary;
  const std::vector<std::uint32_t> once(correct_.size(), 1);
  const auto means = weighted_means(relevant_, once, total());
  summary.relevant.assign(means.begin(), means.end());
  summary.relevant_low = summary.relevant_high = summary.relevant;
  summary.sink = divided(sink_, samples());
  summary.irrelevant_sum = divided(irrelevant_sum_, samples());
  summary.irrelevant_max = divided(irrelevant_max_, samples());
  summary.gold_only_relevant = divided(gold_only_relevant_, gold_only_samples_);
  summary.gold_only_sink = divided(gold_only_sink_, gold_only_samples_);
  summary.ranking = rank_heads(summary.relevant, layers_, heads_);
  for (const double value : means) {
    summary.above_01 += value > 0.1 ? 1 : 0;
    summary.above_02 += value > 0.2 ? 1 : 0;
  }
  bootstrap(relevant_, correct_.size(), options, summary);
  add_stability_curve(relevant_, correct_.size(), options, summary);
  summary.outcome = mass_by_outcome(relevant_, correct_, options, summary);
  return summary;
}

}  // namespace headscope
