// The view "Preferences": what holds on this machine whatever is opened, and every shortcut.
#pragma once

#include <functional>
#include <string>

#include "app/shell/user_files.h"
#include "app/views/widgets.h"

namespace headscope {

/// What the window takes from the preferences at once.
struct PreferenceHooks {
  std::function<void(ThemeKind)> set_theme;
  std::function<void(float)> set_zoom;
  std::function<void()> changed;  ///< the numbers
};

class PreferencesView {
 public:
  void draw(ViewContext& context, Commands& commands, Preferences& preferences,
            const PreferenceHooks& hooks);
  /// A new shortcut is being pressed.
  bool waiting() const { return !waiting_for_.empty(); }

 private:
  void general(ViewContext& context, Preferences& preferences, const PreferenceHooks& hooks);
  void shortcuts(ViewContext& context, Commands& commands);
  void shortcut_row(ViewContext& context, Commands& commands, const Command& command);
  void take_shortcut(Commands& commands);

  std::string filter_;
  std::string waiting_for_;  ///< id of the command whose shortcut is being pressed
};

}  // namespace headscope
