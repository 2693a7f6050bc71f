// The view "Runs": every exact run of this prompt, to go back to and to compare.
#pragma once

#include "app/views/widgets.h"

namespace headscope {

void runs_view(ViewContext& context);

}  // namespace headscope
