// How likely a model finds a given answer, and what that loses without a document or a head: the
// measurements of the causal check (core/analysis/causal.h). Uses the public Model only.
#pragma once

#include <cstdint>
#include <vector>

#include "core/model/model.h"

namespace headscope {

/// A prompt with an answer that is fed to the model token by token (teacher forcing).
struct ForcedAnswer {
  std::vector<std::int32_t> prompt_ids;
  std::vector<std::int32_t> response;  ///< not empty
  std::vector<Intervention> interventions;
};

/// log p(token | everything before it) of every response token, in nats.
Result<std::vector<double>> answer_log_probabilities(Model& model, const ForcedAnswer& answer,
                                                     const RunContext& context);
/// Their sum.
Result<double> answer_log_probability(Model& model, const ForcedAnswer& answer,
                                      const RunContext& context);

/// The same when no row after the keys `hidden` (sorted) sees them, in any layer and head: weights
/// on them are 0 and the rest is normalised, as with an attention mask. Every token keeps its
/// position. What `hidden` holds themselves still see each other, which reaches nobody.
Result<double> hidden_log_probability(Model& model, const ForcedAnswer& answer,
                                      const TokenSet& hidden, const RunContext& context);

/// The same with the output of `head` zeroed in every row.
Result<double> ablated_log_probability(Model& model, const ForcedAnswer& answer, HeadId head,
                                       const RunContext& context);

}  // namespace headscope
