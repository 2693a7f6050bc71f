// The next positions of the sliders. Pure functions.
#pragma once

#include <vector>

#include "core/engine/settings.h"

namespace headscope {

/// What an arrow key moves the window's sliders by (ImGui: a hundredth of the range); the mouse
/// moves them by hundredths.
inline constexpr double tau_step = 0.01, alpha_step = 0.02;

/// A strength with the two digits that its slider shows: the same position is the same settings,
/// however it was reached.
double slider_position(double value);

/// Settings in which one slider that is in use (tau, alpha, top k up to `most_heads`) stands one
/// step further up or down. Those of the slider that moved from `before` to `now` come first,
/// onward before back.
std::vector<InterventionSettings> neighbours_of(const InterventionSettings& now,
                                                const InterventionSettings& before, int most_heads);

}  // namespace headscope
