// The actions of the menus "View" and "Help".
#include <imgui.h>

#include <filesystem>
#include <string>

#include "app/shell/app.h"
#include "app/shell/desktop.h"
#include "app/shell/layout.h"
#include "core/base/file.h"

namespace headscope {

void App::register_view_commands() {
  AppState& s = state_;
  register_panel_commands();
  commands_.add({"view.full_map",
                 "Full attention map",
                 "View",
                 ImGuiKey_F,
                 [&s] { s.request.want_full_map = !s.request.want_full_map; },
                 {},
                 [&s] { return s.request.want_full_map; }});
  commands_.add({"view.logarithmic",
                 "Logarithmic attention map",
                 "View",
                 ImGuiKey_L,
                 [&s] { s.view.map_logarithmic = !s.view.map_logarithmic; },
                 {},
                 [&s] { return s.view.map_logarithmic; }});
  commands_.add({"view.runs",
                 "Runs: every exact run of this prompt",
                 "View",
                 ImGuiMod_Ctrl | ImGuiKey_H,
                 [this] { views_.show(titles::runs); },
                 {},
                 {}});
  commands_.add({"view.overlay",
                 "Token overlay",
                 "View",
                 ImGuiKey_O,
                 [this] { views_.show(titles::overlay); },
                 {},
                 {}});
  commands_.add({"view.tests",
                 "Tests of this prompt",
                 "View",
                 ImGuiKey_T,
                 [this] { views_.show(titles::tests); },
                 {},
                 {}});
  commands_.add({"view.by_token",
                 "Documents token by token",
                 "View",
                 0,
                 [&s] { s.view.documents_by_token = !s.view.documents_by_token; },
                 {},
                 [&s] { return s.view.documents_by_token; }});
  commands_.add({"view.candidates",
                 "Next-token candidates",
                 "View",
                 ImGuiKey_C,
                 [&s] { s.show_candidates(); },
                 [&s] { return s.baseline() != nullptr; },
                 {}});
  register_shown_numbers_commands();
  register_look_commands();
  commands_.add({"help.commands",
                 "All commands ...",
                 "Help",
                 ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_P,
                 [this] { palette_.open(); },
                 {},
                 {}});
  commands_.add({"help.example_study",
                 "Example study (report)",
                 "Help",
                 0,
                 [this] { open_example_study(); },
                 {},
                 {}});
}

// Which run the maps show, and which number of every head.
void App::register_shown_numbers_commands() {
  AppState& s = state_;
  const auto source = [&](const char* id, const char* name, ImGuiKeyChord key, MapSource which,
                          bool separator) {
    commands_.add(
        {id,
         name,
         "View",
         key,
         [&s, which] { s.view.map_source = s.view.score_source = which; },
         {},
         [&s, which] { return s.view.map_source == which && s.view.score_source == which; },
         separator});
  };
  source("view.baseline", "Maps: baseline", ImGuiKey_B, MapSource::baseline, true);
  source("view.intervened", "Maps: intervened", ImGuiKey_I, MapSource::intervened, false);
  source("view.difference", "Maps: difference to the baseline", ImGuiKey_D, MapSource::difference,
         false);
  for (int i = 0; i < map_scores; ++i) {
    const auto which = static_cast<MapScore>(i);
    commands_.add({std::string("view.score.") + name_of(which).key,
                   std::string("Head map: ") + name_of(which).label,
                   "View",
                   0,
                   [&s, which] {
                     if (which == MapScore::similar && !s.view.heads.like)
                       s.view.heads.like = s.request.selected;
                     s.view.score = which;
                   },
                   {},
                   [&s, which] { return s.view.score == which; },
                   i == 0});
  }
  commands_.add({"view.bars_of_selected",
                 "Documents: selected head only",
                 "View",
                 0,
                 [&s] { s.view.bars_of_selected = !s.view.bars_of_selected; },
                 {},
                 [&s] { return s.view.bars_of_selected; },
                 true});
}

// Colours, sizes, layout.
void App::register_look_commands() {
  AppState& s = state_;
  for (int i = 0; i < sequential_palettes; ++i) {
    const auto palette = static_cast<Palette>(i);
    commands_.add({"view.palette." + std::string(palette_name(palette)),
                   "Colours: " + std::string(palette_name(palette)),
                   "View",
                   0,
                   [&s, palette] { s.view.palette = palette; },
                   {},
                   [&s, palette] { return s.view.palette == palette; },
                   i == 0});
  }
  for (const ThemeKind kind : {ThemeKind::dark, ThemeKind::light, ThemeKind::contrast}) {
    const std::string name(theme_name(kind));
    commands_.add({"view.theme." + name,
                   kind == ThemeKind::contrast
                       ? "High contrast theme"
                       : (kind == ThemeKind::dark ? "Dark theme" : "Light theme"),
                   "View",
                   0,
                   [this, kind] { set_theme(kind); },
                   {},
                   [this, kind] { return theme_kind_ == kind; },
                   kind == ThemeKind::dark});
  }
  commands_.add({"view.larger",
                 "Larger",
                 "View",
                 ImGuiMod_Ctrl | ImGuiKey_Equal,
                 [this] { set_scale(display_scale_, zoom_ * 1.1f); },
                 {},
                 {},
                 true});
  commands_.add({"view.smaller",
                 "Smaller",
                 "View",
                 ImGuiMod_Ctrl | ImGuiKey_Minus,
                 [this] { set_scale(display_scale_, zoom_ / 1.1f); },
                 {},
                 {}});
  commands_.add({"view.natural_size",
                 "Natural size",
                 "View",
                 ImGuiMod_Ctrl | ImGuiKey_0,
                 [this] { set_scale(display_scale_, 1.0f); },
                 {},
                 {}});
  commands_.add({"view.layout",
                 "Restore the default layout",
                 "View",
                 0,
                 [this] { arrange_ = 0; },
                 {},
                 {},
                 true});
}

void App::open_example_study() {
  const auto assets = asset_folder();
  const auto report = assets ? *assets / "reproduction" / "report.html" : std::filesystem::path();
  std::error_code ignored;
  if (!std::filesystem::exists(report, ignored)) {
    state_.notices.push_back(
        {Notice::Kind::error,
         assets ? report.string() + ": not there; headscope-cli reproduce makes a study like it"
                : assets.error().message});
    return;
  }
  const std::string opening = open_with_desktop(report) ? "Opening " : "The report is ";
  state_.notices.push_back({Notice::Kind::info, opening + report.string()});
}

}  // namespace headscope
