// The sliders: how strongly, on which heads, on which rows.
#pragma once

#include "app/views/widgets.h"

namespace headscope {

void controls_view(ViewContext& context);

}  // namespace headscope
