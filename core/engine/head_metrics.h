// Numbers of every head that need its kept rows: spread and reach of its attention, and how much it
// is like another head's.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/analysis/row_metrics.h"
#include "core/engine/snapshot.h"

namespace headscope {

/// Means over the response rows, each [layers * heads]; NaN where a head's rows are not kept.
struct HeadMetrics {
  std::vector<float> entropy;   ///< nats (RowMetrics)
  std::vector<float> distance;  ///< tokens
};

/// Another run's metrics: what shares its weights with that run is not computed again (a preview
/// changes a few heads).
struct KnownMetrics {
  std::shared_ptr<const RunResult> run;
  HeadMetrics metrics;
};

/// The rows of all heads are kept, so that there are metrics.
bool keeps_rows(const RunResult& run);

/// Nothing once `is_stale` (may be empty; asked before every head) says so.
std::optional<HeadMetrics> head_metrics(const RunResult& run, const KnownMetrics* known = nullptr,
                                        const std::function<bool()>& is_stale = {});

/// What two heads are compared over.
enum class SimilarityOver {
  tokens,    ///< every weight of the response rows
  documents  ///< where rows are not kept: mass on every document, on the sink, and on the rest
};
/// How alike one head and every other are.
struct HeadSimilarity {
  HeadId to;
  SimilarityOver over = SimilarityOver::tokens;
  std::vector<float> values;  ///< [layers * heads], 0 to 1; 1 for the head itself
};

/// jensen_shannon_similarity of every head with `head`, row by row, averaged over the response
/// rows. Nothing without rows, for a head that the run does not have, or once `is_stale` says so.
std::optional<HeadSimilarity> head_similarity(const RunResult& run, HeadId head,
                                              const std::function<bool()>& is_stale = {});

}  // namespace headscope
