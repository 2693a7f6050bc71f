// Ablation (method.md 4): the head's output, that is the weighted sum of values before the output
// projection, is replaced. The attention weights that captures and maps show stay as they are:
// nothing reads them any more.
#include "core/intervention/method.h"

namespace headscope {
namespace {

Result<> add(const MethodCall&, const EditTarget& target, EditPlan& plan) {
  for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) {
    const auto& heads = target.heads_by_layer[layer];
    if (!heads.empty()) plan.layers[layer].output.push_back({target.first_row, heads});
  }
  return {};
}

}  // namespace

const InterventionMethod ablate_method = {
    .name = "ablate",
    .label = "Ablate",
    .summary = "the head's output becomes zero",
    .parameters = {},
    .is_identity = [](const MethodValues&) { return false; },
    .add = add,
};

Ablate::operator MethodCall() const {
  return {&ablate_method, {}, {}, {}};
}

}  // namespace headscope
