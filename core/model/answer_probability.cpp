#include "core/model/answer_probability.h"

#include <numeric>
#include <set>
#include <span>

#include "core/model/sampler.h"

namespace headscope {
namespace {

std::vector<HeadId> every_head(const ModelConfig& config) {
  std::vector<HeadId> heads;
  for (int layer = 0; layer < config.layers; ++layer) {
    for (int head = 0; head < config.heads; ++head) heads.push_back({layer, head});
  }
  return heads;
}

/// Split-softmax at tau = 0 puts a row's whole weight on the marked keys, in proportion: with
/// everything but `hidden` marked, that is an attention mask. Only rows after `hidden` are edited,
/// which all see at least themselves.
Intervention hiding(const TokenSet& hidden, std::int64_t tokens, const ModelConfig& config) {
  const std::set<std::int64_t> gone(hidden.begin(), hidden.end());
  SplitSoftmax split;
  split.tau = 0;
  for (std::int64_t t = 0; t < tokens; ++t) {
    if (!gone.contains(t)) split.marked.push_back(t);
  }
  return {std::move(split),
          every_head(config),
          {RowSelection::Kind::from, hidden.empty() ? tokens : hidden.back() + 1}};
}

Result<> check(const ForcedAnswer& answer) {
  if (!answer.response.empty()) return {};
  return bad_input("the answer has no token, so nothing can be said about its probability");
}

}  // namespace

Result<std::vector<double>> answer_log_probabilities(Model& model, const ForcedAnswer& answer,
                                                     const RunContext& context) {
  HEADSCOPE_TRY(check(answer));
  GenerateRequest request;
  request.prompt_ids = answer.prompt_ids;
  request.forced_response = answer.response;
  request.interventions = answer.interventions;
  const RunContext quiet{context.is_cancelled, {}, {}};
  HEADSCOPE_ASSIGN(const auto generation, model.generate(request, quiet));
  const auto& found = generation.log_probabilities;
  return std::vector<double>(found.begin(), found.end());
}

Result<double> answer_log_probability(Model& model, const ForcedAnswer& answer,
                                      const RunContext& context) {
  HEADSCOPE_ASSIGN(const auto each, answer_log_probabilities(model, answer, context));
  return std::accumulate(each.begin(), each.end(), 0.0);
}

Result<double> hidden_log_probability(Model& model, const ForcedAnswer& answer,
                                      const TokenSet& hidden, const RunContext& context) {
  HEADSCOPE_TRY(check(answer));
  const ModelConfig& config = model.config();
  const auto prompt = static_cast<std::int64_t>(answer.prompt_ids.size());
  ForwardRequest request;
  request.ids = answer.prompt_ids;
  request.ids.insert(request.ids.end(), answer.response.begin(), answer.response.end());
  const auto tokens = static_cast<std::int64_t>(request.ids.size());
  // Response tokens are marked too, so all ids count as the prompt here; what else is done to the
  // model keeps the row that it meant. The mask comes first: it belongs to the scores.
  request.interventions.push_back(hiding(hidden, tokens, config));
  for (Intervention intervention : answer.interventions) {
    intervention.rows = {RowSelection::Kind::from, intervention.rows.first_row(prompt)};
    request.interventions.push_back(std::move(intervention));
  }
  request.logit_rows = {prompt - 1, tokens - 1};
  const RunContext quiet{context.is_cancelled, {}, {}};
  HEADSCOPE_ASSIGN(const auto result, model.forward(request, quiet));
  const auto vocabulary = static_cast<std::size_t>(config.vocab_size);
  double sum = 0;
  for (std::size_t i = 0; i < answer.response.size(); ++i) {
    const std::span<const float> logits(result.logits.data() + i * vocabulary, vocabulary);
    sum += static_cast<double>(log_probability(logits, answer.response[i]));
  }
  return sum;
}

Result<double> ablated_log_probability(Model& model, const ForcedAnswer& answer, HeadId head,
                                       const RunContext& context) {
  ForcedAnswer without = answer;
  without.interventions.push_back({Ablate{}, {head}, {}});
  return answer_log_probability(model, without, context);
}

}  // namespace headscope
