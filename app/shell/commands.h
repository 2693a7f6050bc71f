// Every action of the window is a command: menus, the palette and shortcuts all read this registry.
#pragma once

#include <imgui.h>

#include <functional>
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
};

class Commands {
 public:
  void add(Command command);
  /// Takes away every command whose id begins like this; never from inside a command.
  void remove(std::string_view prefix);
  const std::vector<Command>& all() const { return commands_; }
  const Command* find(std::string_view id) const;
  /// Runs a command by id if it exists and is enabled; says whether it ran.
  bool run(std::string_view id) const;
  /// Runs the command whose shortcut was pressed, if any. Once per frame.
  void handle_shortcuts() const;

  static bool is_enabled(const Command& command) { return !command.enabled || command.enabled(); }
  /// "Ctrl+Shift+P", or "".
  static std::string shortcut_text(const Command& command);

 private:
  std::vector<Command> commands_;
};

}  // namespace headscope
