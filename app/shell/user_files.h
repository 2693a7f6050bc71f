// What the window remembers, in three files: preferences, layout and session.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/shell/theme.h"
#include "app/views/app_state.h"
#include "app/views/export_options.h"
#include "core/base/error.h"
#include "core/base/json.h"

namespace headscope {

/// Folders of the XDG base directory specification; not created.
std::filesystem::path config_folder();  ///< $XDG_CONFIG_HOME/headscope
std::filesystem::path state_folder();   ///< $XDG_STATE_HOME/headscope

/// How the window looks, on this machine, whatever is opened.
struct Preferences {
  ThemeKind theme = ThemeKind::dark;
  float zoom = 1;
  int width = 1280, height = 800;  ///< in units
  ViewOptions view;
  double autosave_seconds = 3;                   ///< 0 = at the end alone
  std::int64_t kept_mebibytes = 512;             ///< results of prompts behind the one in front
  std::int64_t seen_mebibytes = 512;             ///< results of settings seen before
  bool neighbours = true;                        ///< the sliders' next positions, when at rest
  std::map<std::string, std::string> shortcuts;  ///< command id, "Ctrl+S"; those that were changed
  std::vector<std::string> model_folders;        ///< where the model picker looks
  ExportOptions exports;
};

Json preferences_to_json(const Preferences& preferences);
Result<Preferences> preferences_from_json(const Json& json, const std::string& name);

/// The settings of a session's `intervention`; fields that are absent stay as in `base`.
Result<InterventionSettings> settings_from_json(const JsonObject& object,
                                                InterventionSettings base = {});
Json settings_to_json(const InterventionSettings& settings);
/// How things are shown. Of a lesson: head_score, head_source, map_source, map_logarithmic alone.
/// Absent fields stay.
Json view_to_json(const ViewOptions& view);
Result<> view_from_json(const JsonObject& object, ViewOptions& view);
/// "selected": [layer, head]; nothing when the field is absent.
Result<std::optional<HeadId>> selected_from_json(const JsonObject& object);

/// Preferences of the user; the defaults when there is no file. A damaged file is an error.
Result<Preferences> load_preferences();
Result<> save_preferences(const Preferences& preferences);
/// The file that is kept up to date while a window is open. Slot 1 is that of the first window.
std::filesystem::path session_path(int slot = 1);
std::filesystem::path layout_path();

}  // namespace headscope
