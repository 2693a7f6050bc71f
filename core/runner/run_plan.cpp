#include "core/runner/run_plan.h"

#include <string>
#include <utility>

#include "core/intervention/method.h"

namespace headscope {
namespace {

Result<TokenSet> marked_tokens(const InterventionSettings& settings, const PromptView& prompt,
                               const std::string& method) {
  const auto documents =
      marked_among(settings, prompt.gold_documents(), static_cast<int>(prompt.documents.size()));
  if (documents.empty()) {
    const bool gold = settings.span == SpanChoice::gold;
    return bad_input(gold ? method + " needs a marked document: mark the relevant one"
                          : method + ": the prompt has no document number " +
                                std::to_string(settings.marked_document + 1));
  }
  TokenSet marked;  // documents of a prompt view share no token
  for (const int index : documents) {
    const TokenRange tokens = prompt.documents[static_cast<std::size_t>(index)].tokens;
    for (auto t = tokens.begin; t < tokens.end; ++t) marked.push_back(t);
  }
  return marked;
}

/// Adds the method beside tau and alpha. Without a mark, one that needs it takes no part beside
/// others.
Result<> add_other(const InterventionSettings& settings, const std::vector<HeadId>& heads,
                   const PromptView& prompt, std::vector<Intervention>& plan) {
  const InterventionMethod* method = find_method(settings.also);
  if (method == nullptr || method->adds_directions) {
    return bad_input("the session's intervention '" + settings.also + "' is not among " +
                     known_methods());
  }
  MethodCall call{method, standard_values(*method), {}, {}};
  if (!call.values.empty()) call.values[0] = settings.also_strength;
  if (method->marks_keys) {
    auto marked = marked_tokens(settings, prompt, method->label);
    if (!marked && !plan.empty()) return {};
    if (!marked) return tl::unexpected(marked.error());
    call.marked = std::move(*marked);
  }
  plan.push_back({std::move(call), heads, settings.rows});
  return {};
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
  if (!settings.also.empty()) HEADSCOPE_TRY(add_other(settings, heads, prompt, plan));
  if (settings.tau != 1) {
    auto marked = marked_tokens(settings, prompt, "split-softmax");
    // Focus and ablation need no mark: a split that has none takes no part beside them.
    if (!marked && plan.empty()) return tl::unexpected(marked.error());
    if (marked)
      plan.push_back({SplitSoftmax{settings.tau, std::move(*marked)}, heads, settings.rows});
  }
  return plan;
}

}  // namespace headscope
