// The user's preferences and own layouts in the window.
#include <algorithm>
#include <string>
#include <utility>

#include "app/shell/app.h"
#include "app/shell/layout.h"
#include "core/base/file.h"

namespace headscope {
namespace {

constexpr const char* kOwnLayout = "layout.own.";
constexpr const char* kForgetLayout = "layout.forget.";

}  // namespace

void App::set_preferences(const Preferences& preferences, float display_scale) {
  preferences_ = preferences;
  reuse_by_preference_ = true;
  set_theme(preferences.theme);
  set_scale(display_scale, preferences.zoom);
  state_.view = preferences.view;
  exports_.options() = preferences.exports;
  tabs_.set_kept_bytes(static_cast<std::uint64_t>(preferences.kept_mebibytes) << 20);
  for (const auto& [id, text] : preferences.shortcuts) {
    if (const auto chord = Commands::chord_from_text(text)) {
      commands_.set_shortcut(id, *chord);
    } else {
      state_.notify(Notice::Kind::error, "preferences.json: field 'shortcuts." + id +
                                             "' expected keys like Ctrl+Shift+S, found \"" + text +
                                             "\"");
    }
  }
}

void App::set_reuse() {
  if (engine_ == nullptr || !reuse_by_preference_) return;
  ReuseOptions reuse;
  reuse.seen_bytes = static_cast<std::uint64_t>(preferences_.seen_mebibytes) << 20;
  reuse.neighbours = preferences_.neighbours && !experiments_.running() && !tests_.running();
  engine_->set_reuse(reuse);
}

Preferences App::preferences() const {
  Preferences now = preferences_;
  now.theme = presenting_ ? theme_before_ : theme_kind_;
  now.zoom = presenting_ ? zoom_before_ : zoom_;
  now.view = state_.view;
  now.exports = exports_.options();
  // These belong to a response and a model.
  now.view.overlay.rows.clear();
  now.view.heads.pinned.clear();
  now.view.heads.like.reset();
  now.shortcuts.clear();
  for (const auto& [id, chord] : commands_.changed_shortcuts())
    now.shortcuts[id] = Commands::chord_text(chord);
  return now;
}

void App::draw_preferences(ViewContext& context) {
  const PreferenceHooks hooks{
      [this](ThemeKind kind) { set_theme(kind); },
      [this](float zoom) { set_scale(display_scale_, zoom); },
      [this] {
        tabs_.set_kept_bytes(static_cast<std::uint64_t>(preferences_.kept_mebibytes) << 20);
      }};
  preferences_.zoom = zoom_;
  preferences_view_.draw(context, commands_, preferences_, hooks);
}

void App::configure_layouts(std::filesystem::path folder) {
  layouts_ = std::move(folder);
  list_layout_commands();
}

void App::list_layout_commands() {
  commands_.remove(kOwnLayout);
  commands_.remove(kForgetLayout);
  std::vector<std::filesystem::path> files;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(layouts_, failed)) {
    if (entry.path().extension() == ".ini") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const auto& path : files) {
    const std::string name = path.stem().string();
    commands_.add({kOwnLayout + name,
                   name,
                   "View/Layout",
                   0,
                   [this, path] { load_own_layout(path); },
                   {},
                   {},
                   path == files.front()});
    commands_.add({kForgetLayout + name,
                   name,
                   "View/Forget a layout",
                   0,
                   [this, path] {
                     std::error_code ignored;
                     std::filesystem::remove(path, ignored);
                     list_layouts_ = true;  // not while a menu walks over the commands
                   },
                   {},
                   {}});
  }
}

void App::ask_for_layout_name() {
  PathDialog::Question question{"Save this layout",
                                "A name. The layout will stand in View > Layout.",
                                false,
                                {},
                                "",
                                "",
                                [this](const std::string& name) { save_own_layout(name); }};
  question.name = true;
  question.button = "Save";
  path_dialog_.ask(std::move(question));
}

void App::save_own_layout(const std::string& name) {
  if (name.find('/') != std::string::npos || name.starts_with(".") || name.size() > 100)
    return state_.notify(Notice::Kind::error, name +
                                                  ": a layout's name is one word or several, "
                                                  "without '/', and does not begin with a dot.");
  const auto save = [&]() -> Result<> {
    HEADSCOPE_TRY(create_folders(layouts_));
    return write_file_atomically(layouts_ / (name + ".ini"), save_layout(views_));
  };
  report(save(), {});
  list_layouts_ = true;
}

void App::load_own_layout(const std::filesystem::path& path) {
  constexpr std::uint64_t kMostBytes = 1u << 20;
  const Result<std::string> text = read_text_file(path, kMostBytes);
  if (!text) return state_.notify(Notice::Kind::error, text.error().message);
  layout_to_load_ = *text;
}

}  // namespace headscope
