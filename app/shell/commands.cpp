#include "app/shell/commands.h"

#include <algorithm>
#include <array>
#include <utility>

namespace headscope {

namespace {

struct NamedKey {
  ImGuiKey key;
  const char* name;
};
// Keys that are better known by what is printed on them.
constexpr std::array<NamedKey, 4> kPrinted = {
    {{ImGuiKey_Equal, "="}, {ImGuiKey_Minus, "-"}, {ImGuiKey_Comma, ","}, {ImGuiKey_Period, "."}}};

std::string key_name(ImGuiKey key) {
  for (const NamedKey& printed : kPrinted) {
    if (printed.key == key) return printed.name;
  }
  return ImGui::GetKeyName(key);
}

bool may_be_shortcut(ImGuiKey key) {
  const bool modifier = key >= ImGuiKey_LeftCtrl && key <= ImGuiKey_RightSuper;
  const bool other_device = key >= ImGuiKey_GamepadStart;
  return !modifier && !other_device;
}

std::optional<ImGuiKey> key_from_name(std::string_view name) {
  for (int i = ImGuiKey_NamedKey_BEGIN; i < ImGuiKey_NamedKey_END; ++i) {
    const auto key = static_cast<ImGuiKey>(i);
    if (may_be_shortcut(key) && key_name(key) == name) return key;
  }
  return std::nullopt;
}

}  // namespace

void Commands::add(Command command) {
  command.standard = command.shortcut;
  if (const auto own = changed_.find(command.id); own != changed_.end())
    command.shortcut = own->second;
  commands_.push_back(std::move(command));
}

void Commands::remove(std::string_view prefix) {
  std::erase_if(commands_, [&](const Command& command) { return command.id.starts_with(prefix); });
}

Command* Commands::mutable_command(std::string_view id) {
  return const_cast<Command*>(find(id));
}

void Commands::set_shortcut(const std::string& id, ImGuiKeyChord shortcut) {
  changed_[id] = shortcut;
  Command* command = mutable_command(id);
  if (command == nullptr) return;  // of a command that is not there now
  command->shortcut = shortcut;
  if (shortcut == command->standard) changed_.erase(id);
}

void Commands::reset_shortcut(const std::string& id) {
  changed_.erase(id);
  if (Command* command = mutable_command(id)) command->shortcut = command->standard;
}

void Commands::reset_shortcuts() {
  changed_.clear();
  for (Command& command : commands_) command.shortcut = command.standard;
}

const Command* Commands::in_conflict_with(const Command& command) const {
  if (command.shortcut == 0 || command.menu.empty()) return nullptr;
  for (const Command& other : commands_) {
    // What stands in no menu holds in a special mode alone, and is asked after.
    if (&other != &command && other.shortcut == command.shortcut && !other.menu.empty())
      return &other;
  }
  return nullptr;
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

bool Commands::has_now(ImGuiKeyChord chord) const {
  return std::any_of(commands_.begin(), commands_.end(), [&](const Command& command) {
    return command.shortcut == chord && is_enabled(command);
  });
}

void Commands::handle_shortcuts() const {
  if (suspended_) return;
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
  return chord_text(command.shortcut);
}

std::string Commands::chord_text(ImGuiKeyChord chord) {
  if (chord == 0) return {};
  std::string text;
  if (chord & ImGuiMod_Ctrl) text += "Ctrl+";
  if (chord & ImGuiMod_Shift) text += "Shift+";
  if (chord & ImGuiMod_Alt) text += "Alt+";
  if (chord & ImGuiMod_Super) text += "Super+";
  return text + key_name(static_cast<ImGuiKey>(chord & ~ImGuiMod_Mask_));
}

std::optional<ImGuiKeyChord> Commands::chord_from_text(std::string_view text) {
  if (text.empty()) return 0;
  ImGuiKeyChord chord = 0;
  const std::pair<std::string_view, ImGuiKeyChord> modifiers[] = {{"Ctrl+", ImGuiMod_Ctrl},
                                                                  {"Shift+", ImGuiMod_Shift},
                                                                  {"Alt+", ImGuiMod_Alt},
                                                                  {"Super+", ImGuiMod_Super}};
  for (const auto& [name, modifier] : modifiers) {
    if (!text.starts_with(name)) continue;
    chord |= modifier;
    text.remove_prefix(name.size());
  }
  const auto key = key_from_name(text);
  if (!key) return std::nullopt;
  return chord | *key;
}

ImGuiKeyChord Commands::pressed_chord() {
  for (int i = ImGuiKey_NamedKey_BEGIN; i < ImGuiKey_NamedKey_END; ++i) {
    const auto key = static_cast<ImGuiKey>(i);
    if (may_be_shortcut(key) && ImGui::IsKeyPressed(key, false))
      return ImGui::GetIO().KeyMods | key;
  }
  return 0;
}

}  // namespace headscope
