// The logit lens: what every layer would say at one response token, baseline beside intervened.
#pragma once

#include "app/views/widgets.h"
#include "core/engine/explain.h"

namespace headscope {

/// Asks for the lens of the token that is looked at, for as long as it is drawn.
void lens_view(ViewContext& context);

}  // namespace headscope
