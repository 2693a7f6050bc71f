// What could have come instead of a response token: the most likely next tokens, baseline beside
// intervened.
#pragma once

#include "app/views/widgets.h"

namespace headscope {

/// The table for response token `index`, for a tooltip or a popup.
void candidates_table(const ViewContext& context, std::size_t index);

/// The popup that AppState::show_candidates opens, with steps to other tokens.
void candidates_popup(ViewContext& context);

}  // namespace headscope
