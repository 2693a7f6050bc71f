#include "app/shell/theme.h"

#include <implot.h>

namespace headscope {
namespace {

constexpr ImU32 rgb(unsigned hex) {
  return IM_COL32((hex >> 16) & 0xFF, (hex >> 8) & 0xFF, hex & 0xFF, 0xFF);
}

Theme dark_theme() {
  Theme t;
  t.kind = ThemeKind::dark;
  t.page = rgb(0x14171C);
  t.panel = rgb(0x1B1F26);
  t.card = rgb(0x232832);
  t.card_hover = rgb(0x2B313D);
  t.line = rgb(0x373E4B);
  t.text = rgb(0xE4E8EE);
  t.muted = rgb(0x98A2B1);
  t.baseline = rgb(0x8B96A7);
  t.accent = rgb(0x4DA3FF);
  t.accent_soft = rgb(0x24405F);
  t.gold = rgb(0xF0B429);
  t.gold_soft = rgb(0x3D3420);
  t.sink = rgb(0x6B4E86);
  t.good = rgb(0x3CC48A);
  t.bad = rgb(0xF27A50);
  t.selection = rgb(0xFFFFFF);
  t.diverging = Palette::diverging_dark;
  return t;
}

Theme light_theme() {
  Theme t;
  t.kind = ThemeKind::light;
  t.page = rgb(0xE6E9ED);
  t.panel = rgb(0xFAFBFC);
  t.card = rgb(0xF0F2F5);
  t.card_hover = rgb(0xE5E9EE);
  t.line = rgb(0xCCD2DA);
  t.text = rgb(0x1C222B);
  t.muted = rgb(0x5B6675);
  t.baseline = rgb(0x7F8998);
  t.accent = rgb(0x1769C7);
  t.accent_soft = rgb(0xD3E4F8);
  t.gold = rgb(0x966500);
  t.gold_soft = rgb(0xFBEFD0);
  t.sink = rgb(0xC9B3DF);
  t.good = rgb(0x007A4A);
  t.bad = rgb(0xA02020);
  t.selection = rgb(0x101418);
  t.diverging = Palette::diverging_light;
  return t;
}

Theme contrast_theme() {
  Theme t = dark_theme();
  t.kind = ThemeKind::contrast;
  t.page = rgb(0x333333);  // panels need an edge
  t.panel = rgb(0x000000);
  t.card = rgb(0x101010);
  t.card_hover = rgb(0x2A2A2A);
  t.line = rgb(0x9A9A9A);
  t.text = rgb(0xFFFFFF);
  t.muted = rgb(0xD8D8D8);
  t.baseline = rgb(0xC4C4C4);
  t.accent = rgb(0x6CC0FF);
  t.accent_soft = rgb(0x003A66);
  t.gold = rgb(0xFFD23F);
  t.gold_soft = rgb(0x4A3A00);
  t.good = rgb(0x5CF0B0);
  t.bad = rgb(0xFF9466);
  return t;
}

ImVec4 vec(ImU32 color) {
  return ImGui::ColorConvertU32ToFloat4(color);
}

void set_colors(const Theme& t) {
  if (t.kind == ThemeKind::light) {
    ImGui::StyleColorsLight();
  } else {
    ImGui::StyleColorsDark();
  }
  ImVec4* c = ImGui::GetStyle().Colors;
  const auto set = [&](ImGuiCol which, ImU32 color) { c[which] = vec(color); };
  set(ImGuiCol_Text, t.text);
  set(ImGuiCol_TextDisabled, t.muted);
  set(ImGuiCol_WindowBg, t.panel);
  set(ImGuiCol_ChildBg, IM_COL32_BLACK_TRANS);
  set(ImGuiCol_PopupBg, t.kind == ThemeKind::light ? rgb(0xFFFFFF) : t.card);
  set(ImGuiCol_Border, t.line);
  set(ImGuiCol_FrameBg, t.kind == ThemeKind::light ? rgb(0xE4E8ED) : t.card_hover);
  set(ImGuiCol_FrameBgHovered, with_alpha(t.accent, 0.22f));
  set(ImGuiCol_FrameBgActive, with_alpha(t.accent, 0.34f));
  set(ImGuiCol_TitleBg, t.page);
  set(ImGuiCol_TitleBgActive, t.page);
  set(ImGuiCol_TitleBgCollapsed, t.page);
  set(ImGuiCol_MenuBarBg, t.page);
  set(ImGuiCol_ScrollbarBg, IM_COL32_BLACK_TRANS);
  set(ImGuiCol_ScrollbarGrab, with_alpha(t.muted, 0.35f));
  set(ImGuiCol_ScrollbarGrabHovered, with_alpha(t.muted, 0.55f));
  set(ImGuiCol_ScrollbarGrabActive, with_alpha(t.muted, 0.75f));
  set(ImGuiCol_CheckMark, t.accent);
  set(ImGuiCol_SliderGrab, t.accent);
  set(ImGuiCol_SliderGrabActive, t.accent);
  set(ImGuiCol_Button, t.kind == ThemeKind::light ? rgb(0xE4E8ED) : t.card_hover);
  set(ImGuiCol_ButtonHovered, with_alpha(t.accent, 0.30f));
  set(ImGuiCol_ButtonActive, with_alpha(t.accent, 0.45f));
  set(ImGuiCol_Header, t.accent_soft);
  set(ImGuiCol_HeaderHovered, with_alpha(t.accent, 0.25f));
  set(ImGuiCol_HeaderActive, with_alpha(t.accent, 0.40f));
  set(ImGuiCol_Separator, t.page);
  set(ImGuiCol_SeparatorHovered, with_alpha(t.accent, 0.6f));
  set(ImGuiCol_SeparatorActive, t.accent);
  set(ImGuiCol_ResizeGrip, IM_COL32_BLACK_TRANS);
  set(ImGuiCol_Tab, t.page);
  set(ImGuiCol_TabHovered, t.card_hover);
  set(ImGuiCol_TabSelected, t.panel);
  set(ImGuiCol_TabSelectedOverline, IM_COL32_BLACK_TRANS);
  set(ImGuiCol_TabDimmed, t.page);
  set(ImGuiCol_TabDimmedSelected, t.panel);
  set(ImGuiCol_TabDimmedSelectedOverline, IM_COL32_BLACK_TRANS);
  set(ImGuiCol_DockingEmptyBg, t.page);
  set(ImGuiCol_DockingPreview, with_alpha(t.accent, 0.5f));
  set(ImGuiCol_TableHeaderBg, t.panel);
  set(ImGuiCol_TableBorderStrong, t.line);
  set(ImGuiCol_TableBorderLight, with_alpha(t.line, 0.6f));
  set(ImGuiCol_TableRowBg, IM_COL32_BLACK_TRANS);
  set(ImGuiCol_TableRowBgAlt, with_alpha(t.card, 0.55f));
  set(ImGuiCol_TextSelectedBg, with_alpha(t.accent, 0.35f));
  set(ImGuiCol_NavCursor, t.accent);
}

void set_plot_style(const Theme& t) {
  if (ImPlot::GetCurrentContext() == nullptr) return;
  if (t.kind == ThemeKind::light) {
    ImPlot::StyleColorsLight();
  } else {
    ImPlot::StyleColorsDark();
  }
  ImPlotStyle& style = ImPlot::GetStyle();
  style.Colors[ImPlotCol_FrameBg] = vec(IM_COL32_BLACK_TRANS);
  style.Colors[ImPlotCol_PlotBg] = vec(IM_COL32_BLACK_TRANS);
  style.Colors[ImPlotCol_PlotBorder] = vec(IM_COL32_BLACK_TRANS);
  style.Colors[ImPlotCol_AxisText] = vec(t.muted);
  style.Colors[ImPlotCol_AxisGrid] = vec(t.line);
  style.Colors[ImPlotCol_AxisTick] = vec(IM_COL32_BLACK_TRANS);
  style.Colors[ImPlotCol_InlayText] = vec(t.muted);
}

}  // namespace

ImU32 with_alpha(ImU32 color, float alpha) {
  const auto a = static_cast<ImU32>(alpha * 255.0f + 0.5f);
  return (color & ~IM_COL32_A_MASK) | (a << IM_COL32_A_SHIFT);
}

Theme apply_theme(ThemeKind kind, float scale) {
  const Theme theme = kind == ThemeKind::light  ? light_theme()
                      : kind == ThemeKind::dark ? dark_theme()
                                                : contrast_theme();
  ImGuiStyle& style = ImGui::GetStyle();
  const float font_size = style.FontSizeBase;
  style = ImGuiStyle();
  style.FontSizeBase = font_size;
  style.WindowPadding = ImVec2(10, 8);
  style.FramePadding = ImVec2(8, 3);
  style.ItemSpacing = ImVec2(8, 6);
  style.ItemInnerSpacing = ImVec2(6, 4);
  style.CellPadding = ImVec2(6, 2);
  style.ScrollbarSize = 10;
  style.GrabMinSize = 10;
  style.WindowRounding = 4;
  style.ChildRounding = 4;
  style.FrameRounding = 4;
  style.PopupRounding = 5;
  style.ScrollbarRounding = 5;
  style.GrabRounding = 4;
  style.TabRounding = 4;
  style.WindowBorderSize = 0;
  style.ChildBorderSize = 0;
  style.FrameBorderSize = kind == ThemeKind::contrast ? 1.0f : 0.0f;
  style.PopupBorderSize = 1;
  style.TabBarBorderSize = 0;
  style.TabBarOverlineSize = 0;
  style.DockingSeparatorSize = 4;
  style.DockingNodeHasCloseButton = false;
  style.WindowMenuButtonPosition = ImGuiDir_None;
  style.SeparatorTextBorderSize = 1;
  style.DisabledAlpha = 0.45f;
  style.ScaleAllSizes(scale);
  style.FontScaleDpi = scale;
  set_colors(theme);
  set_plot_style(theme);
  return theme;
}

}  // namespace headscope
