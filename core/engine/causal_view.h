// The causal check of an engine's baseline: measured drops beside the attention that it holds.
#pragma once

#include <span>

#include "core/analysis/causal.h"
#include "core/analysis/likely_document.h"
#include "core/engine/snapshot.h"

namespace headscope {

/// Mean mass of `heads` on every document while `run` was written; empty where it has no sums.
std::vector<double> masses_of(const PromptView& prompt, const RunResult& run,
                              std::span<const HeadId> heads);

/// The document that the answer probably rests on, as `heads` look at it; the index is -1 where
/// nothing can be said.
LikelyDocument likely_document_of(const PromptView& prompt, const RunResult& run,
                                  std::span<const HeadId> heads);

/// Puts `drops` (of every document, and of each of `heads` in this order) beside the masses.
CausalCheck causal_check_of(const PromptView& prompt, const RunResult& baseline,
                            std::span<const HeadId> heads, const CausalDrops& drops);

}  // namespace headscope
