#include "app/shell/preferences_view.h"

#include <imgui_stdlib.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "app/views/command_palette.h"

namespace headscope {
namespace {

// A label on the left, its control on the right of it.
void label(const ViewContext& context, const char* text) {
  ImGui::AlignTextToFramePadding();
  text_muted(context, text);
  ImGui::SameLine(em() * 9.6f);
  ImGui::SetNextItemWidth(std::min(em() * 16, ImGui::GetContentRegionAvail().x));
}

std::string palette_label(int i) {
  return std::string(palette_name(static_cast<Palette>(i)));
}

}  // namespace

void PreferencesView::draw(ViewContext& context, Commands& commands, Preferences& preferences,
                           const PreferenceHooks& hooks) {
  take_shortcut(commands);
  general(context, preferences, hooks);
  ImGui::Separator();
  shortcuts(context, commands);
}

void PreferencesView::general(ViewContext& context, Preferences& p, const PreferenceHooks& hooks) {
  label(context, "Theme");
  int theme = static_cast<int>(context.theme.kind);
  if (segmented(context, "theme", {"Dark", "Light", "High contrast"}, theme))
    hooks.set_theme(static_cast<ThemeKind>(theme));
  label(context, "Size");
  float zoom = p.zoom * 100;
  ImGui::SliderFloat("##zoom", &zoom, 50, 300, "%.0f %%");
  // Once it is let go: the slider would run away from under the mouse.
  if (ImGui::IsItemDeactivatedAfterEdit()) hooks.set_zoom(zoom / 100);
  label(context, "Colours of maps");
  Palette& palette = context.state.view.palette;
  if (ImGui::BeginCombo("##palette", palette_label(static_cast<int>(palette)).c_str())) {
    for (int i = 0; i < sequential_palettes; ++i) {
      if (ImGui::Selectable(palette_label(i).c_str(), static_cast<int>(palette) == i))
        palette = static_cast<Palette>(i);
    }
    ImGui::EndCombo();
  }
  label(context, "Copy for a crash");
  auto seconds = static_cast<int>(p.autosave_seconds);
  if (ImGui::SliderInt("##autosave", &seconds, 0, 60,
                       seconds == 0 ? "at the end alone" : "%d s after a change")) {
    p.autosave_seconds = std::clamp(seconds, 0, 600);
    hooks.changed();
  }
  label(context, "Other tabs keep");
  auto kept = static_cast<int>(p.kept_mebibytes);
  if (ImGui::SliderInt("##kept", &kept, 0, 8192, kept == 0 ? "none" : "%d MiB")) {
    p.kept_mebibytes = std::max(kept, 0);
    hooks.changed();
  }
  ImGui::SetItemTooltip(
      "Results of prompts in other tabs stay in memory up to this size;\n"
      "beyond it they are computed again when their tab comes to the front.");
  label(context, "Settings seen");
  auto seen = static_cast<int>(p.seen_mebibytes);
  if (ImGui::SliderInt("##seen", &seen, 0, 8192, seen == 0 ? "none" : "%d MiB"))
    p.seen_mebibytes = std::max(seen, 0);
  ImGui::SetItemTooltip(
      "Results of slider settings seen before stay in memory up to this size, of every tab "
      "together,\nand come back at once without the model. What tabs show counts above.");
  label(context, "Sliders at rest");
  ImGui::Checkbox("compute ahead", &p.neighbours);
  ImGui::SetItemTooltip(
      "While nothing else is asked and no experiment runs, the model computes one step up and\n"
      "down of the sliders in use, each once. Switch it off to spare a battery.");
  label(context, "Model's threads");
  ImGui::SliderInt("##threads", &context.state.request.threads, 0, 64,
                   context.state.request.threads == 0 ? "all" : "%d");
  ImGui::SetItemTooltip("Of this prompt, until the window closes; loads the model anew.");
}

void PreferencesView::shortcuts(ViewContext& context, Commands& commands) {
  const float reset = ImGui::CalcTextSize("Reset all shortcuts").x + em() * 2;
  ImGui::SetNextItemWidth(
      std::clamp(ImGui::GetContentRegionAvail().x - reset, em() * 4, em() * 16));
  ImGui::InputTextWithHint("##filter", "find a command", &filter_);
  ImGui::SameLine();
  ImGui::BeginDisabled(commands.changed_shortcuts().empty());
  if (ImGui::Button("Reset all shortcuts")) commands.reset_shortcuts();
  ImGui::EndDisabled();
  constexpr ImGuiTableFlags flags = ImGuiTableFlags_ScrollY | ImGuiTableFlags_RowBg;
  if (!ImGui::BeginTable("shortcuts", 3, flags)) return;
  ImGui::TableSetupScrollFreeze(0, 1);
  ImGui::TableSetupColumn("command", ImGuiTableColumnFlags_WidthStretch);
  ImGui::TableSetupColumn("shortcut", ImGuiTableColumnFlags_WidthFixed, em() * 9);
  ImGui::TableSetupColumn("", ImGuiTableColumnFlags_WidthFixed, em() * 8);
  ImGui::TableHeadersRow();
  std::vector<std::string> ids;  // a row may change the commands
  for (const Command& command : commands.all()) {
    if (fuzzy_match(filter_, command.menu + " " + command.name)) ids.push_back(command.id);
  }
  ImGuiListClipper clipper;
  clipper.Begin(static_cast<int>(ids.size()));
  while (clipper.Step()) {
    for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
      const Command* command = commands.find(ids[static_cast<std::size_t>(i)]);
      if (command != nullptr) shortcut_row(context, commands, *command);
    }
  }
  ImGui::EndTable();
}

void PreferencesView::shortcut_row(ViewContext& context, Commands& commands,
                                   const Command& command) {
  const std::string id = command.id;
  ImGui::PushID(id.c_str());
  ImGui::TableNextRow();
  ImGui::TableNextColumn();
  ImGui::AlignTextToFramePadding();
  if (!command.menu.empty()) {
    text_muted(context, command.menu + ":");
    ImGui::SameLine(0, em() * 0.4f);
  }
  ImGui::TextUnformatted(command.name.c_str());
  ImGui::TableNextColumn();
  const Command* other = commands.in_conflict_with(command);
  const std::string text = waiting_for_ == id ? "press keys ..." : Commands::shortcut_text(command);
  if (other != nullptr) ImGui::PushStyleColor(ImGuiCol_Text, context.theme.bad);
  if (ImGui::Button((text + "###shortcut").c_str(), ImVec2(-FLT_MIN, 0)))
    waiting_for_ = waiting_for_ == id ? "" : id;
  if (other != nullptr) ImGui::PopStyleColor();
  ImGui::SetItemTooltip("Click and press the new shortcut.\nEscape: leave it. Backspace: none.");
  ImGui::TableNextColumn();
  if (other != nullptr) {
    text_colored(context.theme.bad, "also " + other->name);
    ImGui::SetItemTooltip("Both have this shortcut: the first of the two is run.");
  } else if (command.shortcut != command.standard && ImGui::SmallButton("Reset")) {
    commands.reset_shortcut(id);
  }
  ImGui::PopID();
}

void PreferencesView::take_shortcut(Commands& commands) {
  commands.suspend(waiting());
  if (!waiting()) return;
  const ImGuiKeyChord pressed = Commands::pressed_chord();
  if (pressed == 0) return;
  if (pressed == ImGuiKey_Backspace) {
    commands.set_shortcut(waiting_for_, 0);
  } else if (pressed != ImGuiKey_Escape) {
    commands.set_shortcut(waiting_for_, pressed);
  }
  waiting_for_.clear();
}

}  // namespace headscope
