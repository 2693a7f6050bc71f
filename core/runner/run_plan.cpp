#include "core/runner/run_plan.h"

#include <string>

namespace headscope {
namespace {

Result<TokenSet> marked_tokens(const InterventionSettings& settings, const PromptView& prompt) {
  const bool gold = settings.span == SpanChoice::gold;
  const int index = gold ? prompt.gold_document() : settings.marked_document;
  if (index < 0 || index >= static_cast<int>(prompt.documents.size())) {
    return bad_input(gold ? std::string("split-softmax needs a marked document: mark the gold one")
                          : "split-softmax: the prompt has no document number " +
                                std::to_string(index + 1));
  }
  TokenSet marked;
  const TokenRange tokens = prompt.documents[static_cast<std::size_t>(index)].tokens;
  for (auto t = tokens.begin; t < tokens.end; ++t) marked.push_back(t);
  return marked;
}

}  // namespace

Result<std::vector<Intervention>> plan_interventions(
    const InterventionSettings& settings, const std::vector<HeadId>& heads,
    const PromptView& prompt, const std::shared_ptr<const Directions>& directions) {
  std::vector<Intervention> plan;
  if (settings.is_identity() || heads.empty()) return plan;
  if (settings.alpha != 0) {
    if (directions == nullptr) {
      return bad_input(
          "focus (alpha) needs directions and this model has none: train them with "
          "headscope-cli train-directions and put directions.safetensors beside it");
    }
    plan.push_back(
        {Focus{settings.alpha, directions, settings.use_key_directions}, heads, settings.rows});
  }
  if (settings.tau != 1) {
    auto marked = marked_tokens(settings, prompt);
    // Focus needs no mark: a split that has none takes no part beside it.
    if (!marked && plan.empty()) return tl::unexpected(marked.error());
    if (marked)
      plan.push_back({SplitSoftmax{settings.tau, std::move(*marked)}, heads, settings.rows});
  }
  return plan;
}

}  // namespace headscope
