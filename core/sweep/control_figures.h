// The figure of the control experiment.
#pragma once

#include <vector>

#include "core/sweep/control_result.h"
#include "core/sweep/sweep_figures.h"

namespace headscope {

/// One figure a setting: change of the untouched heads' relevant mass by layer, signed and as a
/// magnitude, contextual heads against random ones. Settings without a comparison are left out.
std::vector<NamedFigure> control_figures(const ControlResult& result,
                                         const figure::Provenance& provenance);

}  // namespace headscope
