// Every action of the window is a command: menus, the palette and shortcuts all read this registry.
#pragma once

#include <imgui.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headscope {

/// One action. `id` is stable ("edit.undo"); `menu` names the menu it stands in, "" for none.
struct Command {
  std::string id;
  std::string name;
  std::string menu;
  ImGuiKeyChord shortcut = 0;  ///< 0 = none
  std::function<void()> run;
  std::function<bool()> enabled;  ///< empty = always
  std::function<bool()> checked;  ///< empty = not a switch
  bool separator_before = false;
  ImGuiKeyChord standard = 0;  ///< the shortcut it comes with; set by `add`
};

class Commands {
 public:
  void add(Command command);
  /// The user's shortcuts, by command id, 0 = none; they also hold for commands that come later.
  const std::map<std::string, ImGuiKeyChord>& changed_shortcuts() const { return changed_; }
  void set_shortcut(const std::string& id, ImGuiKeyChord shortcut);
  void reset_shortcut(const std::string& id);
  void reset_shortcuts();
  /// Another command with the same shortcut in the menus; null = none.
  const Command* in_conflict_with(const Command& command) const;
  /// While somebody presses a new shortcut, none is obeyed.
  void suspend(bool on) { suspended_ = on; }
  /// Takes away every command whose id begins like this; never from inside a command.
  void remove(std::string_view prefix);
  const std::vector<Command>& all() const { return commands_; }
  const Command* find(std::string_view id) const;
  /// Runs a command by id if it exists and is enabled; says whether it ran.
  bool run(std::string_view id) const;
  /// Whether a command that can run now has this shortcut.
  bool has_now(ImGuiKeyChord chord) const;
  /// Runs the command whose shortcut was pressed, if any. Once per frame.
  void handle_shortcuts() const;

  static bool is_enabled(const Command& command) { return !command.enabled || command.enabled(); }
  /// "Ctrl+Shift+P", or "".
  static std::string shortcut_text(const Command& command);
  static std::string chord_text(ImGuiKeyChord chord);
  /// The other way round; nothing when it is no shortcut. "" is 0.
  static std::optional<ImGuiKeyChord> chord_from_text(std::string_view text);
  /// What is pressed in this frame beside modifiers; 0 = nothing.
  static ImGuiKeyChord pressed_chord();

 private:
  Command* mutable_command(std::string_view id);

  std::vector<Command> commands_;
  std::map<std::string, ImGuiKeyChord> changed_;
  bool suspended_ = false;
};

}  // namespace headscope
