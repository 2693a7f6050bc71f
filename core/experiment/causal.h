// The causal check over prompts (method.md, issue "causal check"): for every document and every top
// head, what the answer's log-probability loses without it, beside the attention it holds.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/analysis/causal.h"
#include "core/analysis/likely_document.h"
#include "core/experiment/sample_run.h"
#include "core/text/dataset.h"

namespace headscope {

inline constexpr const char* skip_no_documents = "no documents";
/// What is taken away, and where masses are read.
struct CausalOptions {
  DocumentMask mask = DocumentMask::hide;
  /// Masses are means over these (the first of a contextual ranking); each is ablated in turn.
  std::vector<HeadId> heads = {};
  bool ablate_heads = true;
  int max_new_tokens = 100;
  RowConvention rows = RowConvention::input;
  InterventionsFor interventions = {};  ///< what the model is run with throughout; empty = nothing
};

/// A prompt with its documents, as text before templating.
struct CausalPrompt {
  BuiltPrompt built;
  std::string answer;  ///< to be explained; empty = the model's own (greedy)
};

/// What one prompt gave.
struct CausalSample {
  std::int64_t index = 0;
  std::string question, response;
  std::optional<bool> correct;  ///< where answers are known
  std::optional<std::size_t> gold;
  CausalCheck check;
  LikelyDocument likely;  ///< the guess from attention alone
  double auc = 0;         ///< gold_auc of the masses; NaN without a gold mark
};
/// Checks of a data set's samples.
struct CausalRun {
  std::vector<CausalSample> samples;
  SkipCounts skipped;
  bool cancelled = false;
};

/// One prompt. Errors: bad_input when it has no documents, is longer than the context or the
/// response is empty; no heads (usage).
Result<CausalSample> check_prompt(Model& model, const PromptEncoder& encoder,
                                  const CausalPrompt& prompt, const CausalOptions& options,
                                  const RunContext& context);

/// How a data set is checked.
struct CausalSamplesOptions {
  bool reference = false;  ///< the first expected answer is explained, not the model's own
  std::vector<CausalSample> finished = {};  ///< of an interrupted run: not run again
  /// Called after each sample with the run so far; may be empty.
  std::function<Result<>(const CausalRun&)> on_sample = {};
};

/// Every sample. What cannot be checked is skipped and counted.
Result<CausalRun> check_samples(Model& model, const PromptEncoder& encoder,
                                std::span<const QaSample> samples, const CausalOptions& options,
                                const CausalSamplesOptions& run, const RunContext& context);

/// What a run says as a whole. Shares are NaN where no sample counts.
struct CausalSummary {
  std::int64_t n = 0;
  MeanAgreement documents, heads;        ///< rank correlation of mass and drop, within each prompt
  double top_mass_is_most_needed = 0;    ///< share of prompts where one document leads in both
  double gold_drop = 0, other_drop = 0;  ///< mean drop of the gold document and of each other one
  std::int64_t marked = 0;               ///< samples with a gold mark
  double guess_accuracy = 0;  ///< share of them where the likely document is the gold one
  Interval guess_interval;    ///< Wilson 95 %
  double guess_auc = 0;       ///< mean over them
  double clear_share = 0;     ///< share of them where the guess is called clear ...
  double clear_accuracy = 0;  ///< ... and how often it is right there
};
/// `seed` is that of the intervals.
CausalSummary summary_of(const CausalRun& run, std::uint64_t seed = 0);

}  // namespace headscope
