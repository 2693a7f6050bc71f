#include "app/views/command_palette.h"

#include <imgui_stdlib.h>

#include <algorithm>
#include <cctype>
#include <vector>

namespace headscope {

namespace {

// In a menu of a menu, names are short: "Panels: Prompt".
std::string label_of(const Command& command) {
  const auto slash = command.menu.find('/');
  return slash == std::string::npos ? command.name
                                    : command.menu.substr(slash + 1) + ": " + command.name;
}

}  // namespace

bool fuzzy_match(std::string_view pattern, std::string_view text) {
  std::size_t at = 0;
  for (const char wanted : pattern) {
    if (wanted == ' ') continue;
    const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
    while (at < text.size() && lower(text[at]) != lower(wanted)) ++at;
    if (at == text.size()) return false;
    ++at;
  }
  return true;
}

void CommandPalette::open() {
  open_ = true;
  focus_ = true;
  filter_.clear();
  current_ = 0;
}

void CommandPalette::draw(ViewContext& context) {
  if (!open_) return;
  const ImGuiViewport* viewport = ImGui::GetMainViewport();
  ImGui::SetNextWindowPos(
      ImVec2(viewport->WorkPos.x + viewport->WorkSize.x * 0.5f, viewport->WorkPos.y + em() * 4),
      ImGuiCond_Always, ImVec2(0.5f, 0));
  ImGui::SetNextWindowSize(ImVec2(std::min(em() * 36, viewport->WorkSize.x - em() * 2), em() * 24));
  ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, 1.0f);
  ImGui::PushStyleColor(ImGuiCol_WindowBg, ImGui::GetStyleColorVec4(ImGuiCol_PopupBg));
  std::string chosen;
  const ImGuiWindowFlags flags = ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                                 ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoDocking;
  if (ImGui::Begin("Command palette", nullptr, flags)) {
    if (focus_) {
      ImGui::SetWindowFocus();
      ImGui::SetKeyboardFocusHere();
    }
    ImGui::SetNextItemWidth(-FLT_MIN);
    if (ImGui::InputTextWithHint("##filter", "Type a command", &filter_)) current_ = 0;
    std::vector<const Command*> found;
    for (const Command& command : context.commands.all()) {
      if (fuzzy_match(filter_, command.menu + " " + command.name)) found.push_back(&command);
    }
    const int last = static_cast<int>(found.size()) - 1;
    if (ImGui::IsKeyPressed(ImGuiKey_DownArrow)) current_ = std::min(current_ + 1, last);
    if (ImGui::IsKeyPressed(ImGuiKey_UpArrow)) current_ = std::max(current_ - 1, 0);
    current_ = std::clamp(current_, 0, std::max(last, 0));
    ImGui::BeginChild("list");
    for (int i = 0; i <= last; ++i) {
      const Command& command = *found[static_cast<std::size_t>(i)];
      ImGui::BeginDisabled(!Commands::is_enabled(command));
      ImGui::PushID(command.id.c_str());
      if (ImGui::Selectable(label_of(command).c_str(), i == current_)) chosen = command.id;
      if (i == current_ && ImGui::IsKeyPressed(ImGuiKey_DownArrow)) ImGui::SetScrollHereY(1.0f);
      const std::string shortcut = Commands::shortcut_text(command);
      same_line_right(ImGui::CalcTextSize(shortcut.c_str()).x + em() * 0.5f);
      text_muted(context, shortcut);
      ImGui::PopID();
      ImGui::EndDisabled();
    }
    ImGui::EndChild();
    if (ImGui::IsKeyPressed(ImGuiKey_Enter) && !found.empty())
      chosen = found[static_cast<std::size_t>(current_)]->id;
    const bool away = !focus_ && !ImGui::IsWindowFocused(ImGuiFocusedFlags_RootAndChildWindows);
    if (ImGui::IsKeyPressed(ImGuiKey_Escape) || away || !chosen.empty()) open_ = false;
    focus_ = false;
  }
  ImGui::End();
  ImGui::PopStyleColor();
  ImGui::PopStyleVar();
  if (!chosen.empty()) context.commands.run(chosen);
}

}  // namespace headscope
