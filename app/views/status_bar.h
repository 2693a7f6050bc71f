// One line at the bottom: model, what is going on, and notices above it.
#pragma once

#include "app/views/widgets.h"

namespace headscope {

/// Height of the line.
float status_bar_height();
void status_bar(ViewContext& context);
/// Messages, above the status bar; they stay until dismissed and cover nothing for longer than
/// wanted.
void notices(ViewContext& context);

}  // namespace headscope
