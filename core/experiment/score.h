// Contextual scores of every head over a data set (method.md 1).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/analysis/head_scores.h"
#include "core/experiment/sample_run.h"
#include "core/text/dataset.h"

namespace headscope {

struct ScoreOptions {
  int max_new_tokens = 100;
  RowConvention rows = RowConvention::input;
  bool gold_only = true;  ///< run the gold-only prompt too, with its own response
};

/// Scores of one sample.
struct ScoredSample {
  std::int64_t index = 0;  ///< in its data set
  bool correct = false;    ///< best_subspan_em of the response
  HeadScores scores;       ///< of the full prompt
  HeadScores gold_only;  ///< of the gold-only prompt; empty arrays without ScoreOptions::gold_only
};

struct ScoreRun {
  std::vector<ScoredSample> samples;  ///< in the order of the data
  SkipCounts skipped;
  bool cancelled = false;  ///< stopped early: `samples` are those finished
};

/// Runs every sample. A sample that cannot be scored is skipped and counted with the reason.
Result<ScoreRun> score_samples(Model& model, const Tokenizer& tokenizer,
                               std::span<const QaSample> samples, const ScoreOptions& options,
                               const RunContext& context);

}  // namespace headscope
