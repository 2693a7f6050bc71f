#include "app/shell/app.h"

#include <imgui_internal.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "app/shell/layout.h"
#include "app/views/status_bar.h"
#include "core/base/file.h"

namespace headscope {
namespace {

void status_window(ViewContext& context) {
  const ImGuiViewport* viewport = ImGui::GetMainViewport();
  const float height = status_bar_height();
  ImGui::SetNextWindowPos(
      ImVec2(viewport->WorkPos.x, viewport->WorkPos.y + viewport->WorkSize.y - height));
  ImGui::SetNextWindowSize(ImVec2(viewport->WorkSize.x, height));
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding,
                      ImVec2(em() * 0.8f, (height - ImGui::GetTextLineHeight()) * 0.5f));
  ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, 0.0f);
  ImGui::PushStyleVar(ImGuiStyleVar_WindowMinSize, ImVec2(1, 1));
  ImGui::PushStyleColor(ImGuiCol_WindowBg, context.theme.page);
  const ImGuiWindowFlags flags = ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                                 ImGuiWindowFlags_NoDocking | ImGuiWindowFlags_NoSavedSettings |
                                 ImGuiWindowFlags_NoFocusOnAppearing |
                                 ImGuiWindowFlags_NoScrollWithMouse;
  if (ImGui::Begin("##status", nullptr, flags)) status_bar(context);
  ImGui::End();
  ImGui::PopStyleColor();
  ImGui::PopStyleVar(3);
}

// Escape leaves a text field. ImGui would put back what stood there when it was entered, and what
// was typed or pasted since would be lost; the way back is undo.
void keep_typed_text() {
  ImGuiContext& imgui = *ImGui::GetCurrentContext();
  ImGuiInputTextState& field = imgui.InputTextState;
  const bool is_number = imgui.TempInputId != 0;
  if (field.ID == 0 || field.ID != imgui.ActiveId || is_number) return;
  if (ImGui::IsKeyPressed(ImGuiKey_Escape)) field.TextToRevertTo = field.TextA;
}

// Somebody is in a text field and does not type: a pause ends a step of undo.
bool rests_in_text() {
  return ImGui::GetIO().WantTextInput && ImGui::GetCurrentContext()->TempInputId == 0;
}

}  // namespace

App::App(Engine* engine) : engine_(engine), tabs_(state_, engine), keeper_(tabs_, &lessons_) {
  ImGuiContext& imgui = *ImGui::GetCurrentContext();
  imgui.ConfigNavWindowingKeyNext = ImGuiMod_Ctrl | ImGuiKey_F6;  // Ctrl+Tab goes through prompts
  imgui.ConfigNavWindowingKeyPrev = ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_F6;
  if (engine != nullptr) profiler_.watch(&engine->trace());
  register_views();
  register_exports();
  register_commands();
}
App::~App() = default;

void App::set_theme(ThemeKind kind) {
  theme_kind_ = kind;
  restyle_ = true;
}

void App::set_scale(float display_scale, float zoom) {
  display_scale_ = display_scale;
  zoom_ = std::clamp(zoom, 0.5f, 4.0f);
  restyle_ = true;
}

void App::prepare_frame() {
  if (!layout_to_load_.empty()) load_layout(std::exchange(layout_to_load_, {}), views_);
  if (!restyle_) return;
  restyle_ = false;
  theme_ = apply_theme(theme_kind_, display_scale_ * zoom_);
  ImGui::GetStyle().TabCloseButtonMinWidthSelected = 0;  // crosses where the mouse is
}

bool App::take_picture_request() {
  return std::exchange(picture_, false);
}

bool App::settled() const {
  if (state_.book.loading.valid() || overlay_.busy() || attention_.busy() || layer_.busy() ||
      state_.numbers->busy() || exports_.busy() || ImGui::GetTime() < state_.quiet_until)
    return false;
  return tabs_.settled();
}

double App::redraw_in() const {
  constexpr double kExportInterval = 0.2;  // its progress is shown without news from it too
  const double now = ImGui::GetTime(), wait = state_.quiet_until - now, due = keeper_.due_in(now);
  double next = -1;
  const auto sooner = [&next](double seconds) {
    next = next < 0 ? seconds : std::min(next, seconds);
  };
  if (wait > 0) sooner(wait + 0.01);
  if (due >= 0) sooner(due + 0.01);
  if (exports_.busy()) sooner(kExportInterval);
  return next;
}

void App::submit_if_changed() {
  const bool typing = ImGui::GetTime() < state_.quiet_until;
  state_.keep_questions();
  const bool held = ImGui::IsAnyItemActive() && !rests_in_text();
  state_.history.observe(state_.request, held || typing);
  if (!typing) tabs_.submit_if_changed();
}

void App::frame() {
  profiler_.begin_frame(views_.find(titles::profiler)->open);
  keep_typed_text();
  tabs_.poll();
  state_.poll_data();
  watch_recent();
  state_.numbers->look(state_.snapshot, state_.wake);
  layer_.begin_frame();
  heatmaps_.begin_frame();
  ViewContext context{state_, theme_, fonts_, commands_, heatmaps_};
  if (std::exchange(reload_lessons_, false)) reload_lessons();
  if (std::exchange(list_layouts_, false)) list_layout_commands();
  // A shortcut that was being pressed when its view went away is not waited for.
  if (!views_.find(titles::preferences)->open) commands_.suspend(false);
  commands_.handle_shortcuts();
  menu_bar(context);
  if (!presenting_) tab_bar_.draw(context, tabs_);
  if (!state_.view_to_show.empty()) views_.show(std::exchange(state_.view_to_show, {}));
  dock_space(status_bar_height(), std::exchange(arrange_, -1), views_, presenting_);
  // A view that is on screen asks for them again: what nobody sees is not computed.
  state_.request.questions.lens.wanted = state_.request.questions.scores.wanted = false;
  if (presenting_) {
    presentation(context);
  } else {
    views_.draw(context);
    outline_views(context);
  }
  status_window(context);
  path_dialog_.draw(context);
  palette_.draw(context);
  if (export_request_) std::exchange(export_request_, nullptr)(context);
  exports_.draw(context);
  if (!heatmaps_.error().empty()) state_.notify(Notice::Kind::error, heatmaps_.error());
  notices(context);
  set_reuse();
  submit_if_changed();
  keeper_.watch(ImGui::GetTime(), preferences_.autosave_seconds);
  if (const std::string problem = keeper_.take_problem(); !problem.empty())
    state_.notify(Notice::Kind::error, problem);
  profiler_.end_frame();
}

void App::menu_item(const Command& command) const {
  if (command.separator_before) ImGui::Separator();
  const std::string shortcut = Commands::shortcut_text(command);
  if (ImGui::MenuItem(command.name.c_str(), shortcut.c_str(), command.checked && command.checked(),
                      Commands::is_enabled(command))) {
    command.run();
  }
}

// Items in the order of registration; a menu "View/Panels" stands in "View" where its first item
// would.
void App::menu_items(const std::string& menu) const {
  std::vector<std::string> submenus;
  for (std::size_t i = 0; i < commands_.all().size(); ++i) {
    const Command& command = commands_.all()[i];
    if (command.menu == menu) {
      menu_item(command);
    } else if (command.menu.starts_with(menu + "/")) {
      const std::string submenu = command.menu.substr(0, command.menu.find('/', menu.size() + 1));
      if (std::find(submenus.begin(), submenus.end(), submenu) != submenus.end()) continue;
      submenus.push_back(submenu);
      if (!ImGui::BeginMenu(submenu.c_str() + menu.size() + 1)) continue;
      menu_items(submenu);
      ImGui::EndMenu();
    }
  }
}

void App::menu_bar(ViewContext& context) {
  if (!ImGui::BeginMainMenuBar()) return;
  std::vector<std::string> menus;
  for (const Command& command : commands_.all()) {
    const std::string menu = command.menu.substr(0, command.menu.find('/'));
    if (!menu.empty() && std::find(menus.begin(), menus.end(), menu) == menus.end())
      menus.push_back(menu);
  }
  for (const std::string& menu : menus) {
    if (!ImGui::BeginMenu(menu.c_str())) continue;
    menu_items(menu);
    ImGui::EndMenu();
  }
  const char* hint = "Ctrl+Shift+P: all commands";
  same_line_right(ImGui::CalcTextSize(hint).x + em() * 0.5f);
  text_muted(context, hint);
  ImGui::EndMainMenuBar();
}

void App::ask_for_model() {
  path_dialog_.ask({"Open model",
                    "A Hugging Face folder (config.json, *.safetensors, tokenizer.json) or a GGUF "
                    "file, or drop it onto the window.",
                    true,
                    {"GGUF models", "*.gguf", "All files", "*"},
                    "Embedded model",
                    "demo",
                    [this](const std::string& path) {
                      if (path == "demo") {
                        state_.choose_model(path);
                      } else {
                        open_path(path);
                      }
                    }},
                   state_.request.model == "demo" ? "" : state_.request.model);
}

void App::ask_for_adapter() {
  path_dialog_.ask({"Merge a LoRA adapter",
                    "A PEFT folder (adapter_config.json, adapter_model.safetensors) made for the "
                    "model that is open.",
                    true,
                    {},
                    "",
                    "",
                    [this](const std::string& path) { state_.request.adapter = path; }},
                   state_.request.adapter);
}

void App::ask_for_directions() {
  path_dialog_.ask({"Focus directions",
                    "A safetensors file of headscope-cli train-directions, or a folder of "
                    "head_q_directions_0.pth, head_k_directions_0.pth and so on; or drop it onto "
                    "the window.",
                    true,
                    {"Focus directions", "*.safetensors *.pth"},
                    "",
                    "",
                    [this](const std::string& path) { open_directions(path); }},
                   state_.request.intervention.directions);
}

void App::ask_for_data() {
  path_dialog_.ask(
      {"Open data",
       "Questions with documents, JSON lines (.jsonl, .jsonl.gz), or drop it onto the window.",
       false,
       {},
       "",
       "",
       [this](const std::string& path) { state_.open_data(path); }});
}

void App::ask_for_heads() {
  path_dialog_.ask({"Compare head sets",
                    "A head set (heads.json), a ranking as a list of [layer, head] pairs, or "
                    "retrieval scores. The head map shows which heads both have.",
                    false,
                    {"Head sets", "*.json"},
                    "",
                    "",
                    [this](const std::string& path) { state_.compare_heads(path); }});
}

void App::ask_for_head_set() {
  path_dialog_.ask({"Load a head set",
                    "A head set (heads.json), a ranking as a list of [layer, head] pairs, or "
                    "retrieval scores. It is kept among your own and acted on; or drop it onto the "
                    "window.",
                    false,
                    {"Head sets", "*.json"},
                    "",
                    "",
                    [this](const std::string& path) { state_.open_head_set(path); }});
}

}  // namespace headscope
