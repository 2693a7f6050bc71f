#include "core/intervention/edit_plan.h"

#include <algorithm>
#include <functional>
#include <string>

#include "core/intervention/method.h"

namespace headscope {
namespace {

/// Chosen heads per layer, ascending, each once.
Result<std::vector<std::vector<int>>> heads_by_layer(const std::vector<HeadId>& heads,
                                                     const HeadShape& shape) {
  if (heads.empty()) return bad_input("intervention: no heads are chosen");
  std::vector<std::vector<int>> by_layer(static_cast<std::size_t>(shape.layers));
  for (const HeadId id : heads) {
    if (id.layer < 0 || id.layer >= shape.layers || id.head < 0 || id.head >= shape.heads) {
      return bad_input("intervention: head " + std::to_string(id.layer) + "." +
                       std::to_string(id.head) + " is outside the model (" +
                       std::to_string(shape.layers) + " layers of " + std::to_string(shape.heads) +
                       " heads, counted from 0)");
    }
    by_layer[static_cast<std::size_t>(id.layer)].push_back(id.head);
  }
  for (auto& chosen : by_layer) {
    std::sort(chosen.begin(), chosen.end());
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  }
  return by_layer;
}

Result<> check_marked(const TokenSet& marked, std::int64_t prompt_tokens, const std::string& name) {
  if (marked.empty()) return bad_input(name + ": no tokens are marked");
  std::int64_t before = -1;
  for (const std::int64_t position : marked) {
    if (position <= before) {
      return bad_input(name + ": marked positions must be ascending, each once and not negative");
    }
    before = position;
  }
  if (before < prompt_tokens) return {};
  return bad_input(name + ": marked position " + std::to_string(before) +
                   " is outside the prompt of " + std::to_string(prompt_tokens) + " tokens");
}

Result<> check(const MethodCall& call, std::int64_t prompt_tokens) {
  if (call.method == nullptr) return bad_input("intervention: no method is chosen");
  const InterventionMethod& method = *call.method;
  if (call.values.size() != method.parameters.size()) {
    return bad_input(std::string(method.name) + ": " + std::to_string(call.values.size()) +
                     " parameters are given, expected " + std::to_string(method.parameters.size()));
  }
  for (std::size_t i = 0; i < call.values.size(); ++i)
    HEADSCOPE_TRY(method.parameters[i].check(call.values[i], method.name));
  if (method.marks_keys) HEADSCOPE_TRY(check_marked(call.marked, prompt_tokens, method.name));
  return {};
}

void add_mass(const MethodCall& call, const EditTarget& target, EditPlan& plan) {
  for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) {
    const auto& heads = target.heads_by_layer[layer];
    if (heads.empty()) continue;
    plan.layers[layer].mass.push_back(
        {target.first_row, {call.method, call.values}, call.marked, heads});
  }
}

Result<> add_to(EditPlan& plan, const Intervention& intervention, const HeadShape& shape,
                std::int64_t prompt_tokens) {
  const MethodCall& call = intervention.method;
  HEADSCOPE_TRY(check(call, prompt_tokens));
  EditTarget target{{}, intervention.rows.first_row(prompt_tokens), shape, prompt_tokens};
  HEADSCOPE_ASSIGN(target.heads_by_layer, heads_by_layer(intervention.heads, shape));
  if (target.first_row < 0) return bad_input("intervention: the first edited row is negative");
  if (call.method->add != nullptr) return call.method->add(call, target, plan);
  if (!call.method->is_identity(call.values)) add_mass(call, target, plan);
  return {};
}

/// Entries of one method stay in list order; one without a method is refused later.
std::vector<std::reference_wrapper<const Intervention>> in_order(
    const std::vector<Intervention>& interventions) {
  std::vector<std::reference_wrapper<const Intervention>> sorted(interventions.begin(),
                                                                 interventions.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const Intervention& a, const Intervention& b) {
    const auto rank = [](const Intervention& intervention) {
      return intervention.method.method == nullptr ? -1 : rank_of(*intervention.method.method);
    };
    return rank(a) < rank(b);
  });
  return sorted;
}

}  // namespace

bool EditPlan::empty() const {
  return std::all_of(layers.begin(), layers.end(), [](const LayerEdits& l) { return l.empty(); });
}

int EditPlan::first_touched_layer() const {
  const auto it =
      std::find_if(layers.begin(), layers.end(), [](const LayerEdits& l) { return !l.empty(); });
  return static_cast<int>(it - layers.begin());
}

Result<EditPlan> compile_edits(const std::vector<Intervention>& interventions,
                               const HeadShape& shape, std::int64_t prompt_tokens) {
  EditPlan plan;
  plan.layers.resize(static_cast<std::size_t>(shape.layers));
  for (const Intervention& intervention : in_order(interventions))
    HEADSCOPE_TRY(add_to(plan, intervention, shape, prompt_tokens));
  return plan;
}

}  // namespace headscope
