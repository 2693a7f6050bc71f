// Layers x heads: where the heads sit that read the relevant document.
#pragma once

#include "app/views/widgets.h"

namespace headscope {

void head_map_view(ViewContext& context);

}  // namespace headscope
