// Keys of an item that has cells of its own: heads of a map, bars of documents.
#pragma once

#include <imgui.h>

#include "app/views/widgets.h"

namespace headscope {

/// Whether the last item has the focus and was come to by keyboard: its numbers are shown as if the
/// mouse pointed at them.
bool pointed_by_keys();

/// Whether the keyboard's focus has come to the last item in this frame.
bool came_by_keys();

/// Whether `key` was pressed, or repeats, while the last item has the focus. Nothing else in the
/// window gets the key meanwhile; a command that has it as its shortcut now keeps it.
bool item_key(const ViewContext& context, ImGuiKey key);
/// Enter of either block of the keyboard.
bool item_enter(const ViewContext& context);

/// Cells that the arrow keys move the last item's cell by.
struct CellStep {
  int right = 0, down = 0;
  explicit operator bool() const { return right != 0 || down != 0; }
};
CellStep item_arrows(const ViewContext& context);

/// An item for the keyboard alone, over what knows the mouse by itself, such as a plot.
void key_area(const char* id, ImVec2 min, ImVec2 max);

/// Tab and the arrows come to this cell of a table although it stays in sight when the table is
/// scrolled: ImGui leaves such cells to the Alt key.
void put_into_tab_order();

/// Ring around the cell that the last item's keys act on, where they were used.
void cell_ring(const ViewContext& context, ImVec2 min, ImVec2 max);

/// The next tooltip stands beside this cell instead of at the mouse.
void tooltip_beside(ImVec2 min, ImVec2 max);

}  // namespace headscope
