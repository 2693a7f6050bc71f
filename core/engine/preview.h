// The live preview: what moving a slider does to the attention of the touched heads, estimated
// from the baseline's weights without the model (method.md 3). Pure functions.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/engine/snapshot.h"

namespace headscope {

/// Indices of the documents that split-softmax marks, ascending; empty = none.
std::vector<int> marked_documents(const InterventionSettings& settings, const PromptView& prompt);

/// Weights' = split-softmax(softmax(log a + alpha * focus_bias)) in the rows the settings name, for
/// `heads` only; span sums and scores follow, everything else is the baseline's (response
/// included). Exact for heads of the first touched layer with fixed tokens, an estimate above it.
/// Without kept weights tau alone can be previewed, from the span sums. Null when the baseline does
/// not hold what the settings need, or when `is_stale` (polled per head,
/// from several threads) says so.
std::shared_ptr<const RunResult> preview_run(const PromptView& prompt, const RunResult& baseline,
                                             const PreviewInputs* inputs,
                                             const InterventionSettings& settings,
                                             const std::vector<HeadId>& heads,
                                             const std::function<bool()>& is_stale = {});

/// How far a preview is from what it estimates.
struct PreviewError {
  double largest = 0, mean = 0;  ///< of |preview - exact| over the touched heads' weights
  std::int64_t rows = 0;         ///< rows whose response tokens up to and including their own agree
};

/// Over the rows that can be compared; nothing when there are none. What it is after `is_stale`
/// (polled per head) said so means nothing.
std::optional<PreviewError> preview_error(const RunResult& preview, const RunResult& exact,
                                          const std::function<bool()>& is_stale = {});

/// A copy with scores and mark of correctness for another gold document or other answers: the model
/// need not run for those.
std::shared_ptr<const RunResult> graded(const RunResult& run, const PromptView& prompt);

}  // namespace headscope
