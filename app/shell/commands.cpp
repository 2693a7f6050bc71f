#include "app/shell/commands.h"

#include <utility>

namespace headscope {

void Commands::add(Command command) {
  commands_.push_back(std::move(command));
}

void Commands::remove(std::string_view prefix) {
  std::erase_if(commands_, [&](const Command& command) { return command.id.starts_with(prefix); });
}

const Command* Commands::find(std::string_view id) const {
  for (const Command& command : commands_) {
    if (command.id == id) return &command;
  }
  return nullptr;
}

bool Commands::run(std::string_view id) const {
  const Command* command = find(id);
  if (command == nullptr || !is_enabled(*command)) return false;
  command->run();
  return true;
}

void Commands::handle_shortcuts() const {
  for (const Command& command : commands_) {
    // Asking for a shortcut takes its key from views: a command that is disabled must not ask.
    if (command.shortcut == 0 || !is_enabled(command) ||
        !ImGui::Shortcut(command.shortcut, ImGuiInputFlags_RouteGlobal))
      continue;
    command.run();
    return;
  }
}

std::string Commands::shortcut_text(const Command& command) {
  if (command.shortcut == 0) return {};
  std::string text;
  if (command.shortcut & ImGuiMod_Ctrl) text += "Ctrl+";
  if (command.shortcut & ImGuiMod_Shift) text += "Shift+";
  if (command.shortcut & ImGuiMod_Alt) text += "Alt+";
  const auto key = static_cast<ImGuiKey>(command.shortcut & ~ImGuiMod_Mask_);
  switch (key) {
    case ImGuiKey_Equal:
      return text + "=";
    case ImGuiKey_Minus:
      return text + "-";
    case ImGuiKey_Comma:
      return text + ",";
    case ImGuiKey_Period:
      return text + ".";
    default:
      return text + ImGui::GetKeyName(key);
  }
}

}  // namespace headscope
