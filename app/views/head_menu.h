// What a right click on a head offers, and marks that a head carries wherever it is drawn.
#pragma once

#include "app/views/widgets.h"

namespace headscope {

/// The items of a popup that is open: switch, pin, likeness, the whole layer.
void head_menu_items(ViewContext& context, HeadId head);

/// Keys of the last item, which is this head or shows it as the selected one: Space switches it on
/// or off, Enter pins it.
void head_keys(ViewContext& context, HeadId head);

/// A pin's mark in the upper right corner of [min, max].
void pin_mark(const ViewContext& context, ImDrawList& list, ImVec2 min, ImVec2 max);

/// All numbers of the pinned heads side by side, and how alike they are; opened by
/// `open_comparison`.
void open_comparison();
void comparison_popup(ViewContext& context);

}  // namespace headscope
