// From a data set to what direction training and its held-out check run on (method.md 3).
#pragma once

#include <span>
#include <vector>

#include "core/experiment/direction_store.h"
#include "core/experiment/sample_run.h"
#include "core/text/dataset.h"
#include "core/training/directions.h"

namespace headscope {
/// Samples as direction training takes them.
struct DirectionData {
  std::vector<DirectionSample> samples;
  SkipCounts skipped;
  bool cancelled = false;  ///< stopped early: `samples` are those finished
};
/// How responses to train on are made.
struct DirectionDataOptions {
  int max_new_tokens = 100;
  RowConvention rows = RowConvention::input;
};

/// Per sample: the greedy answer to the gold-only prompt, fed after the full prompt; keys of every
/// position and queries at the response rows are kept. Skips (with the reason) what cannot be used.
Result<DirectionData> collect_direction_data(Model& model, const PromptEncoder& encoder,
                                             std::span<const QaSample> samples,
                                             const DirectionDataOptions& options,
                                             const RunContext& context);

/// As above into a store, going on behind what it holds. False: cancelled, what was finished is in
/// the store.
Result<bool> collect_direction_data(Model& model, const PromptEncoder& encoder,
                                    std::span<const QaSample> samples,
                                    const DirectionDataOptions& options, DirectionStore& store,
                                    const RunContext& context);

/// Bytes that one sample of `tokens` positions and `rows` response rows keeps.
double direction_sample_bytes(const ModelConfig& config, std::int64_t tokens, std::int64_t rows);

}  // namespace headscope
