#include "app/views/item_keys.h"

#include <imgui_internal.h>

#include <algorithm>

namespace headscope {

bool pointed_by_keys() {
  const ImGuiContext& imgui = *ImGui::GetCurrentContext();
  return imgui.NavCursorVisible && imgui.NavHighlightItemUnderNav && ImGui::IsItemFocused();
}

bool came_by_keys() {
  const ImGuiContext& imgui = *ImGui::GetCurrentContext();
  return imgui.NavJustMovedToId != 0 && imgui.NavJustMovedToId == ImGui::GetItemID();
}

bool item_key(const ViewContext& context, ImGuiKey key) {
  // With Ctrl, Shift or Alt it means something else.
  if (!ImGui::IsItemFocused() || ImGui::GetIO().KeyMods != 0 || context.commands.has_now(key))
    return false;
  const ImGuiID item = ImGui::GetItemID();
  ImGui::SetKeyOwner(key, item);
  if (!ImGui::IsKeyPressed(key, ImGuiInputFlags_Repeat, item)) return false;
  ImGui::SetNavCursorVisible(true);  // after a click too, now that keys are used
  return true;
}

bool item_enter(const ViewContext& context) {
  const bool enter = item_key(context, ImGuiKey_Enter);
  return item_key(context, ImGuiKey_KeypadEnter) || enter;
}

CellStep item_arrows(const ViewContext& context) {
  CellStep step;
  if (item_key(context, ImGuiKey_LeftArrow)) --step.right;
  if (item_key(context, ImGuiKey_RightArrow)) ++step.right;
  if (item_key(context, ImGuiKey_UpArrow)) --step.down;
  if (item_key(context, ImGuiKey_DownArrow)) ++step.down;
  return step;
}

void key_area(const char* id, ImVec2 min, ImVec2 max) {
  const ImRect box(min, max);
  const ImGuiID item = ImGui::GetID(id);
  if (!ImGui::ItemAdd(box, item)) return;
  ImGui::RenderNavCursor(box, item);
  [[maybe_unused]] ImGuiContext& g = *ImGui::GetCurrentContext();  // of the macro
  IMGUI_TEST_ENGINE_ITEM_INFO(item, id, g.LastItemData.StatusFlags);
}

void put_into_tab_order() {
  ImGui::GetCurrentWindow()->DC.NavLayerCurrent = ImGuiNavLayer_Main;
}

void cell_ring(const ViewContext& context, ImVec2 min, ImVec2 max) {
  if (!ImGui::GetCurrentContext()->NavCursorVisible || !ImGui::IsItemFocused()) return;
  const float thick = std::max(2.0f, em() * 0.16f), out = thick * 1.5f;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.AddRect(ImVec2(min.x - out, min.y - out), ImVec2(max.x + out, max.y + out),
               context.theme.page, em() * 0.2f, thick * 2);
  list.AddRect(ImVec2(min.x - out, min.y - out), ImVec2(max.x + out, max.y + out),
               context.theme.accent, em() * 0.2f, thick);
}

void tooltip_beside(ImVec2 min, ImVec2 max) {
  const float gap = em() * 0.6f;
  const ImVec2 middle = ImGui::GetMainViewport()->GetCenter();
  const bool left = (min.x + max.x) * 0.5f > middle.x, above = (min.y + max.y) * 0.5f > middle.y;
  ImGui::SetNextWindowPos(
      ImVec2(left ? min.x - gap : max.x + gap, above ? min.y - gap : max.y + gap), ImGuiCond_Always,
      ImVec2(left ? 1.0f : 0.0f, above ? 1.0f : 0.0f));
}

}  // namespace headscope
