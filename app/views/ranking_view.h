// All heads by contextual score, with what the intervention changed.
#pragma once

#include "app/views/widgets.h"

namespace headscope {

void ranking_view(ViewContext& context);

}  // namespace headscope
