#include "app/shell/tab_bar.h"

#include <imgui_internal.h>
#include <imgui_stdlib.h>

#include <map>
#include <optional>
#include <vector>

namespace headscope {
namespace {

constexpr const char* kNamePopup = "##tab name";

std::uint64_t order_of(const PromptTabs& prompts) {
  std::uint64_t order = 1469598103934665603u;  // FNV-1a over the keys
  for (std::size_t i = 0; i < prompts.size(); ++i)
    order = (order ^ prompts.key(i)) * 1099511628211u;
  return order;
}

// Where dragging has put a tab: the first place at which ImGui's order differs from ours.
std::optional<std::pair<std::size_t, std::size_t>> moved(
    const ImGuiTabBar& bar, const std::map<ImGuiID, std::size_t>& ours) {
  std::vector<std::size_t> order;
  for (const ImGuiTabItem& item : bar.Tabs) {
    if (const auto at = ours.find(item.ID); at != ours.end()) order.push_back(at->second);
  }
  if (order.size() != ours.size()) return std::nullopt;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (order[i] == i) continue;
    // One tab changed places with its neighbour, in whichever direction.
    return order[i] == i + 1 ? std::pair(i, i + 1) : std::pair(order[i], i);
  }
  return std::nullopt;
}

}  // namespace

void TabBar::draw(ViewContext& context, PromptTabs& prompts) {
  if (prompts.size() > 1) {
    const ImGuiWindowFlags flags = ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoSavedSettings |
                                   ImGuiWindowFlags_NoScrollWithMouse;
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(em() * 0.4f, em() * 0.15f));
    ImGui::PushStyleVar(ImGuiStyleVar_WindowMinSize, ImVec2(1, 1));
    ImGui::PushStyleColor(ImGuiCol_WindowBg, context.theme.page);  // the tab in front stands out
    ImGui::PushStyleColor(ImGuiCol_TabSelectedOverline, context.theme.accent);
    ImGui::PushStyleVar(ImGuiStyleVar_TabBarOverlineSize, em() * 0.15f);
    const float height = ImGui::GetFrameHeight() + em() * 0.3f;
    if (ImGui::BeginViewportSideBar("##prompts", ImGui::GetMainViewport(), ImGuiDir_Up, height,
                                    flags))
      tabs(context, prompts);
    ImGui::End();
    ImGui::PopStyleColor(2);
    ImGui::PopStyleVar(3);
  }
  name_popup(prompts);
}

void TabBar::tabs(ViewContext& context, PromptTabs& prompts) {
  const std::uint64_t order = order_of(prompts);
  if (order != order_) {  // opened, closed or moved by a command
    order_ = order;
    ++generation_;
    shown_ = 0;
  }
  const std::string id = "prompts" + std::to_string(generation_);
  if (!ImGui::BeginTabBar(id.c_str(),
                          ImGuiTabBarFlags_Reorderable | ImGuiTabBarFlags_FittingPolicyScroll |
                              ImGuiTabBarFlags_DrawSelectedOverline | ImGuiTabBarFlags_NoTooltip))
    return;
  const ImGuiTabBar& bar = *ImGui::GetCurrentContext()->CurrentTabBar;
  const bool forced = shown_ != prompts.key(prompts.active());
  std::map<ImGuiID, std::size_t> ours;
  std::optional<std::size_t> chosen, closed;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const bool front = i == prompts.active();
    const std::string label = prompts.title(i) + "###" + std::to_string(prompts.key(i));
    bool open = true;
    const ImGuiTabItemFlags flags = (forced && front ? ImGuiTabItemFlags_SetSelected : 0) |
                                    (prompts.is_busy(i) ? ImGuiTabItemFlags_UnsavedDocument : 0);
    if (ImGui::BeginTabItem(label.c_str(), &open, flags)) ImGui::EndTabItem();
    ours[bar.Tabs[bar.LastTabItemIdx].ID] = i;
    if (ImGui::IsItemActivated() && !front) chosen = i;
    if (ImGui::IsItemHovered() && ImGui::IsMouseDoubleClicked(ImGuiMouseButton_Left)) ask_ = true;
    ImGui::SetItemTooltip("%s\nDouble click: another name. Drag: another place.",
                          prompts.title(i).c_str());
    if (!open) closed = i;
  }
  if (ImGui::TabItemButton("+", ImGuiTabItemFlags_Trailing | ImGuiTabItemFlags_NoTooltip))
    context.commands.run("tab.open");
  const auto dragged = moved(bar, ours);
  ImGui::EndTabBar();
  shown_ = prompts.key(prompts.active());
  if (dragged) {
    prompts.move(dragged->first, dragged->second);
    order_ = order_of(prompts);
  }
  if (chosen) {
    prompts.activate(*chosen);
    shown_ = prompts.key(*chosen);
  }
  if (closed) prompts.close(*closed);
}

void TabBar::name_popup(PromptTabs& prompts) {
  if (std::exchange(ask_, false)) {
    name_ = prompts.title(prompts.active());
    ImGui::OpenPopup(kNamePopup);
  }
  if (!ImGui::BeginPopup(kNamePopup)) return;
  if (ImGui::IsWindowAppearing()) ImGui::SetKeyboardFocusHere();
  ImGui::SetNextItemWidth(em() * 16);
  if (ImGui::InputTextWithHint(
          "##name", "name; empty = its question", &name_,
          ImGuiInputTextFlags_EnterReturnsTrue | ImGuiInputTextFlags_AutoSelectAll)) {
    prompts.rename(prompts.active(), name_);
    ImGui::CloseCurrentPopup();
  }
  ImGui::EndPopup();
}

}  // namespace headscope
