#include "core/intervention/edit_plan.h"

#include <algorithm>

#include "core/intervention/focus.h"
#include "core/intervention/split_softmax.h"

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
  for (const Intervention& intervention : interventions) {
    HEADSCOPE_ASSIGN(const auto heads, heads_by_layer(intervention.heads, shape));
    const std::int64_t first_row = intervention.rows.first_row(prompt_tokens);
    if (first_row < 0) return bad_input("intervention: the first edited row is negative");
    if (const auto* focus = std::get_if<Focus>(&intervention.method)) {
      HEADSCOPE_TRY(add_focus(*focus, heads, first_row, shape, plan));
    } else if (const auto* split = std::get_if<SplitSoftmax>(&intervention.method)) {
      HEADSCOPE_TRY(add_split_softmax(*split, heads, first_row, prompt_tokens, plan));
    }
  }
  return plan;
}

}  // namespace headscope
