// Contextual scores of every head over a data set (method.md 1).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/analysis/score_summary.h"
#include "core/experiment/sample_run.h"
#include "core/text/dataset.h"

namespace headscope {

/// What one sample gave.
struct ScoredSample {
  std::int64_t index = 0;
  std::string question;
  HeadScores scores;
  std::optional<HeadScores> gold_only;
  std::optional<HeadSpread> spread;
  bool correct = false;
};
/// How contextual scores are measured.
struct ScoreOptions {
  int max_new_tokens = 100;
  RowConvention rows = RowConvention::input;
  bool gold_only = true;  ///< run the gold-only prompt too, with its own response
  InterventionsFor interventions = {};
  bool spread = false;                      ///< entropy and distance too
  std::vector<ScoredSample> finished = {};  ///< of an interrupted run: not run again
  /// Called with each sample that was run; may be empty.
  std::function<Result<>(const ScoredSample&)> on_sample = {};
};
/// Scores of a data set's samples, added up.
struct ScoreRun {
  ScoreAccumulator scores;             ///< of the samples that could be scored, and why others not
  HeadSpread spread;                   ///< means over the same samples; empty = not asked for
  std::vector<std::string> questions;  ///< of the samples that were scored
  bool cancelled = false;              ///< stopped early: `scores` hold what was finished
};

/// Runs every sample. A sample that cannot be scored is skipped and counted with the reason.
Result<ScoreRun> score_samples(Model& model, const PromptEncoder& encoder,
                               std::span<const QaSample> samples, const ScoreOptions& options,
                               const RunContext& context);

}  // namespace headscope
