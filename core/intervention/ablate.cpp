// Ablation (method.md 4): the head's output, that is the weighted sum of values before the output
// projection, is replaced: by zero, or by the mean of that output over the rows of the same prompt
// in the unedited run (which takes one more pass over the prompt). The attention weights that
// captures and maps show stay as they are: nothing reads them any more.
#include "core/intervention/method.h"

namespace headscope {
namespace {

Result<> add(const MethodCall& call, const EditTarget& target, EditPlan& plan) {
  for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) {
    const auto& heads = target.heads_by_layer[layer];
    if (!heads.empty())
      plan.layers[layer].output.push_back({target.first_row, call.values[0] == 1, heads});
  }
  return {};
}

}  // namespace

const InterventionMethod ablate_method = {
    .name = "ablate",
    .label = "Ablate",
    .summary = "the head's output is replaced",
    .parameters = {{.kind = MethodParameter::Kind::choice,
                    .name = "replace",
                    .meaning = "by zero, or by its mean over the rows of the unedited prompt",
                    .standard = 0,
                    .choices = {"zero", "mean"}}},
    .is_identity = [](const MethodValues&) { return false; },
    .add = add,
};

Ablate::operator MethodCall() const {
  return {&ablate_method, {mean ? 1.0 : 0.0}, {}, {}};
}

}  // namespace headscope
