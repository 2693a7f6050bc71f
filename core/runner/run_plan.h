// From the window's sliders to interventions of the model. Torch-free.
#pragma once

#include <memory>
#include <vector>

#include "core/base/error.h"
#include "core/engine/settings.h"
#include "core/engine/snapshot.h"
#include "core/intervention/spec.h"

namespace headscope {

/// What `settings` mean on `heads` for `prompt`, in the order of method.md (focus, split-softmax);
/// empty for the identity; split-softmax without a marked document is left out beside focus.
/// Errors: split-softmax alone without a marked document, focus without `directions`.
Result<std::vector<Intervention>> plan_interventions(
    const InterventionSettings& settings, const std::vector<HeadId>& heads,
    const PromptView& prompt, const std::shared_ptr<const Directions>& directions);

}  // namespace headscope
