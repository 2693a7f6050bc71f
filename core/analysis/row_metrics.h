// How a head spreads its attention, and how alike two heads are: over plain rows of weights.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/types.h"

namespace headscope {

/// Of one row of attention weights p (they add up to 1), or the mean of several.
struct RowMetrics {
  double entropy = 0;   ///< -sum_j p_j ln p_j, in nats; e^entropy keys share the row evenly
  double distance = 0;  ///< sum_j p_j (i - j), in tokens, for the query at position i
};

/// `weights`: of keys 0.., the query is at `position`.
RowMetrics row_metrics(std::span<const float> weights, std::int64_t position);

/// Mean over the rows at positions `rows` of a block [rows, keys]; NaN without rows.
RowMetrics mean_row_metrics(std::span<const float> block, TokenRange rows, std::int64_t keys);

/// Means over rows of every head [heads].
struct HeadSpread {
  std::vector<float> entropy, distance;
};

/// Of a capture [heads, rows, keys] whose rows stand at positions `captured`; `used` are indices of
/// rows. NaN without rows.
HeadSpread head_spread(std::span<const float> weights, std::size_t heads, TokenRange captured,
                       TokenRange used, std::int64_t keys);

/// 1 - JSD(p, q) / ln 2 with the Jensen-Shannon divergence JSD(p, q) = H((p + q) / 2) - (H(p) +
/// H(q)) / 2: 1 = the same, 0 = nothing in common (Lin 1991). The longer row counts as far as the
/// shorter one goes.
double jensen_shannon_similarity(std::span<const float> p, std::span<const float> q);

}  // namespace headscope
