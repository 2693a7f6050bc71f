// Auto alpha on what the engine holds: the baseline's kept weights and the focus bias of the live
// preview. Pure functions.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/analysis/auto_alpha.h"
#include "core/engine/snapshot.h"

namespace headscope {

/// Response rows that a scan looks at, at most; spread evenly over a longer response.
inline constexpr std::int64_t alpha_scan_rows = 32;

/// Where `heads` look while `run` was written, from its span sums: mean over heads and rows.
/// Nothing without heads, rows or span sums.
std::optional<AttentionShares> shares_of(const PromptView& prompt, const RunResult& run,
                                         std::span<const HeadId> heads);

/// Shares at every alpha (estimates above the first touched layer). Empty when the baseline's
/// weights of these heads or the bias are not kept, or `is_stale` (polled often) says so.
std::vector<AlphaPoint> scan_alpha(const PromptView& prompt, const RunResult& baseline,
                                   const PreviewInputs& inputs, std::span<const HeadId> heads,
                                   const std::vector<double>& alphas,
                                   const std::function<bool()>& is_stale = {});

}  // namespace headscope
