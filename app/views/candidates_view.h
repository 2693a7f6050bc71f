// What could have come instead of a response token: the most likely next tokens, baseline beside
// intervened.
#pragma once

#include "app/views/widgets.h"

namespace headscope {

/// A token's text on one line; line breaks as "\n".
std::string shown_token(std::string_view token);
/// "12.3 %", "< 0.1 %".
std::string format_probability(float probability);

/// The table for response token `index`, for a tooltip or a popup.
void candidates_table(const ViewContext& context, std::size_t index);

/// The popup that AppState::show_candidates opens, with steps to other tokens.
void candidates_popup(ViewContext& context);

/// Buttons that step through the response tokens, and one for the first divergence. Whatever shows
/// the token that is looked at follows.
void token_stepper(ViewContext& context);

/// How many tokens the longer response of the snapshot has.
std::size_t response_tokens_of(const Snapshot& snapshot);

}  // namespace headscope
