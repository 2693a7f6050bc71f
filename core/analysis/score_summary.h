// Contextual scores over a data set: means, intervals, ranking, stability (method.md 1).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/analysis/head_scores.h"

namespace headscope {

/// Mass of the contextual heads on samples answered rightly and wrongly. The paper's claim:
/// distraction is these heads failing to allocate enough.
struct MassByOutcome {
  std::int64_t right_n = 0, wrong_n = 0;
  double right_relevant = 0, wrong_relevant = 0;  ///< mean over samples and heads; NaN without any
  /// right - wrong with its bootstrap 95 % (both groups drawn anew); NaN without either group.
  double difference = 0, low = 0, high = 0;
};

/// How well the top-k of n samples is that of all samples.
struct StabilityPoint {
  std::int64_t n = 0;
  double jaccard = 0, low = 0, high = 0;  ///< mean and 95 % over draws of n samples
};

/// Means over samples of a data set, every array [layers * heads].
struct ScoreSummary {
  int layers = 0, heads = 0;
  std::int64_t samples = 0;
  std::vector<float> relevant, relevant_low, relevant_high;  ///< low, high: bootstrap 95 %
  std::vector<float> sink, irrelevant_sum, irrelevant_max;
  std::vector<float> gold_only_relevant, gold_only_sink;  ///< empty without gold-only runs
  std::vector<HeadId> ranking;                            ///< by relevant, all heads
  int above_01 = 0, above_02 = 0;                         ///< heads with relevant > 0.1, > 0.2
  int stability_k = 0;
  double stability =
      0;  ///< mean top-k Jaccard between pairs of bootstrap draws; NaN below 2 samples
  std::vector<StabilityPoint> stability_curve;  ///< top stability_k of n = 1, 2, 5, 10 ... samples
  MassByOutcome outcome;
  std::map<std::string, std::int64_t> skipped;  ///< reason -> count
};
/// How much is drawn for intervals and stability.
struct SummaryOptions {
  int top_k = 20;  ///< of stability and outcome
  int draws = 1000;
  int curve_draws = 200;  ///< for each n of the stability curve
  std::uint64_t seed = 0;
};

/// Collects the scores of samples one by one.
class ScoreAccumulator {
 public:
  ScoreAccumulator(int layers, int heads) : layers_(layers), heads_(heads) {}

  /// `gold_only` may be null (for all samples or for none). Returns false, and counts the sample as
  /// skipped, when the scores are of another shape or hold no number (no gold mark, no response).
  bool add(const HeadScores& scores, const HeadScores* gold_only, bool correct);
  void skip(const std::string& reason, std::int64_t times = 1) { skipped_[reason] += times; }
  std::int64_t samples() const { return static_cast<std::int64_t>(correct_.size()); }
  ScoreSummary summary(const SummaryOptions& options = {}) const;  ///< of the samples added so far

 private:
  std::size_t total() const {
    return static_cast<std::size_t>(layers_) * static_cast<std::size_t>(heads_);
  }

  int layers_ = 0, heads_ = 0;
  std::vector<float> relevant_;  ///< [samples, layers * heads]
  std::vector<double> sink_, irrelevant_sum_, irrelevant_max_;
  std::vector<double> gold_only_relevant_, gold_only_sink_;
  std::int64_t gold_only_samples_ = 0;
  std::vector<bool> correct_;
  std::map<std::string, std::int64_t> skipped_;
};

}  // namespace headscope
