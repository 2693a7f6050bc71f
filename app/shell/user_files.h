// What the window remembers, in three files: preferences, layout and session.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "app/shell/theme.h"
#include "app/views/app_state.h"
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
};

Json preferences_to_json(const Preferences& preferences);
Result<Preferences> preferences_from_json(const Json& json, const std::string& name);

/// What was being looked at: model, prompt, settings, selection.
Json session_to_json(const Request& request);
Result<Request> session_from_json(const Json& json, const std::string& name);

/// The settings of a session's `intervention`; fields that are absent stay as in `base`.
Result<InterventionSettings> settings_from_json(const JsonObject& object,
                                                InterventionSettings base = {});
/// Fields of the preferences that say what the maps show: head_score, head_source, map_source,
/// map_logarithmic, and "map" with the other options of the attention map. Absent ones stay.
Result<> view_from_json(const JsonObject& object, ViewOptions& view);
/// "selected": [layer, head]; nothing when the field is absent.
Result<std::optional<HeadId>> selected_from_json(const JsonObject& object);

/// Preferences of the user; the defaults when there is no file. A damaged file is an error.
Result<Preferences> load_preferences();
Result<> save_preferences(const Preferences& preferences);
Result<std::optional<Request>> load_session(const std::filesystem::path& path);
Result<> save_session(const std::filesystem::path& path, const Request& request);
std::filesystem::path session_path();
std::filesystem::path layout_path();

}  // namespace headscope
