// What narrower weights cost: next-token distributions of the same model in two precisions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/run_context.h"
#include "core/model/model.h"
#include "core/text/tokenizer.h"

namespace headscope {

/// Differences of next-token log-probabilities over every position and word.
struct AccuracyReport {
  std::int64_t tokens = 0;
  double largest = 0, mean = 0;  ///< of |difference| of log-probabilities, natural logarithm
  double divergence = 0;         ///< mean over positions of KL(exact || narrow), nats
  double same_first = 0;         ///< share of positions with the same most likely token
};

/// A short probe: an English text of ours as `tokenizer` reads it, or fixed random ids without one.
Result<std::vector<std::int32_t>> accuracy_probe(const ModelConfig& config,
                                                 const Tokenizer* tokenizer);

/// Log-probabilities [T, vocab] of what follows every token of `ids`.
Result<std::vector<float>> log_probabilities(Model& model, const std::vector<std::int32_t>& ids,
                                             const RunContext& context);

/// Compares two results of log_probabilities; both have `vocabulary` numbers a position.
AccuracyReport compare_log_probabilities(std::span<const float> exact,
                                         std::span<const float> narrow, std::int64_t vocabulary);

}  // namespace headscope
