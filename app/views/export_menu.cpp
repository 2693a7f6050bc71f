#include "app/views/export_menu.h"

#include <imgui_internal.h>
#include <imgui_stdlib.h>
#include <portable_file_dialogs.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <utility>

#include "app/shell/desktop.h"
#include "core/base/units.h"

namespace headscope {
namespace {

constexpr const char* kPopup = "export menu";
constexpr double kShowProgressAfter = 0.5;  // seconds

bool is_shown(const ImGuiWindow* window) {
  return window != nullptr && window->WasActive && !window->Hidden && !window->SkipItems &&
         (window->DockNode == nullptr || window->DockTabIsVisible);
}

// Its tab bar was drawn in this frame: only then may something be added to it.
bool has_tab_bar(const ImGuiDockNode* node) {
  return node != nullptr && node->TabBar != nullptr && node->HostWindow != nullptr &&
         !node->HostWindow->SkipItems && node->TabBar->CurrFrameVisible == ImGui::GetFrameCount();
}

// An arrow that leaves a tray: drawn, so that it needs no font.
void export_icon(ImU32 color) {
  const ImVec2 a = ImGui::GetItemRectMin(), b = ImGui::GetItemRectMax();
  const ImVec2 c((a.x + b.x) * 0.5f, (a.y + b.y) * 0.5f);
  const float r = std::floor(em() * 0.34f), thick = std::max(1.0f, em() * 0.09f);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.AddLine(ImVec2(c.x, c.y - r), ImVec2(c.x, c.y + r * 0.35f), color, thick);
  list.AddLine(ImVec2(c.x, c.y - r), ImVec2(c.x - r * 0.5f, c.y - r * 0.45f), color, thick);
  list.AddLine(ImVec2(c.x, c.y - r), ImVec2(c.x + r * 0.5f, c.y - r * 0.45f), color, thick);
  const ImVec2 tray[] = {ImVec2(c.x - r, c.y + r * 0.2f), ImVec2(c.x - r, c.y + r),
                         ImVec2(c.x + r, c.y + r), ImVec2(c.x + r, c.y + r * 0.2f)};
  for (int i = 0; i < 3; ++i) list.AddLine(tray[i], tray[i + 1], color, thick);
}

std::string with_home(const std::string& path) {
  const char* home = std::getenv("HOME");
  if (home == nullptr || !path.starts_with("~/")) return path;
  return home + path.substr(1);
}

// Letters and digits; everything else becomes one hyphen.
std::string file_words(std::string_view text) {
  std::string words;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_';
    if (plain) {
      words += c;
    } else if (!words.empty() && words.back() != '-') {
      words += '-';
    }
  }
  while (!words.empty() && words.back() == '-') words.pop_back();
  return words;
}

// Files are often smaller than what memory_text tells apart.
std::string size_text(double bytes) {
  constexpr double kibibyte = 1024;
  if (bytes >= kibibyte * kibibyte) return memory_text(bytes);
  return std::to_string(static_cast<int>(std::ceil(bytes / kibibyte))) + " KiB";
}

ExportOutcome failed(const Error& error) {
  if (error.kind == ErrorKind::cancelled) return {false, "The export was cancelled.", "", false};
  return {true, error.message, "", false};
}

// What one press of Save does.
struct SaveJob {
  ExhibitMaker make;
  std::filesystem::path path;
  ExportFormat format = ExportFormat::png;
  ExportLook look;
  bool files_beside = true;

  Result<std::string> run(const RunContext& context) const {
    HEADSCOPE_ASSIGN(auto exhibit, make(context));
    if (files_beside) name_files_beside(path, exhibit);
    HEADSCOPE_TRY(write_exhibit(path, exhibit, format, look, context));
    std::error_code ignored;
    const auto size = std::filesystem::file_size(path, ignored);
    std::string message =
        "Saved " + path.string() + " (" + size_text(static_cast<double>(size)) + ")";
    if (!files_beside) return message;
    HEADSCOPE_ASSIGN(const auto names, write_files_beside(path, exhibit, format, look));
    for (const std::string& name : names) message += ", " + name;
    return message;
  }
};

}  // namespace

struct ExportMenu::Browser {
  std::optional<pfd::save_file> dialog;
};

ExportMenu::ExportMenu() : browser_(std::make_unique<Browser>()) {}
ExportMenu::~ExportMenu() = default;

void ExportMenu::add(const char* title, std::function<std::string()> name,
                     std::function<ExhibitMaker()> make) {
  entries_.push_back({title, std::move(name), std::move(make)});
}

const ExportMenu::Entry* ExportMenu::find(std::string_view title) const {
  for (const Entry& entry : entries_) {
    if (title == entry.title) return &entry;
  }
  return nullptr;
}

// The view that is named, else the one looked at last, else the first on screen.
const ExportMenu::Entry* ExportMenu::chosen(std::string_view title) const {
  if (const Entry* entry = find(title)) return entry;
  if (const Entry* entry = find(focused_)) return entry;
  for (const Entry& entry : entries_) {
    if (is_shown(ImGui::FindWindowByName(entry.title))) return &entry;
  }
  return entries_.empty() ? nullptr : &entries_.front();
}

ExhibitMaker ExportMenu::maker(ViewContext& context, std::string_view title) {
  const Entry* entry = chosen(title);
  ExhibitMaker make = entry != nullptr ? entry->make() : nullptr;
  if (!make) {
    context.state.notify(Notice::Kind::error,
                         std::string(entry != nullptr ? entry->title : "Export") +
                             ": there is nothing to export yet; it follows the first run.");
  }
  return make;
}

void ExportMenu::watch_focus() {
  const ImGuiWindow* focused = ImGui::GetCurrentContext()->NavWindow;
  if (focused == nullptr) return;
  if (const Entry* entry = find(focused->RootWindow->Name)) focused_ = entry->title;
}

void ExportMenu::open(std::string_view title) {
  const Entry* entry = chosen(title);
  if (entry == nullptr) return;
  title_ = entry->title;
  open_ = focus_path_ = true;
  own_path_ = false;
  problem_.clear();
}

ExportLook ExportMenu::look() const {
  ExportLook look;
  look.figure.theme = options_.dark ? figure::Theme::dark : figure::Theme::light;
  look.scale = options_.scale;
  return look;
}

void ExportMenu::copy_picture(ViewContext& context, std::string_view title) {
  ExhibitMaker make = maker(context, title);
  if (!make) return;
  const Entry* entry = chosen(title);
  title_ = entry->title;
  ExportLook how = look();
  how.figure.palette = context.state.view.palette;
  queue_.add(
      "picture of " + entry->name(),
      [make = std::move(make), how](const RunContext& run) -> ExportOutcome {
        const auto exhibit = make(run);
        if (!exhibit) return failed(exhibit.error());
        const auto png = picture_of(*exhibit, ExportFormat::png, how);
        if (!png) return failed(png.error());
        const Result<> copied = headscope::copy_picture(*png);
        if (!copied) return {true, copied.error().message, "", true};
        return {false, "Copied the picture.", "", false};
      },
      context.state.wake);
}

void ExportMenu::copy_table(ViewContext& context, std::string_view title) {
  ExhibitMaker make = maker(context, title);
  if (!make) return;
  queue_.add(
      "table of " + chosen(title)->name(),
      [make = std::move(make)](const RunContext& run) -> ExportOutcome {
        const auto exhibit = make(run);
        if (!exhibit) return failed(exhibit.error());
        auto text = table_as_tabs(exhibit->table, run);
        if (!text) return failed(text.error());
        std::string message = "Copied " + std::to_string(exhibit->table.rows) + " rows.";
        return {false, std::move(message), std::move(*text), false};
      },
      context.state.wake);
}

void ExportMenu::save(ViewContext& context) {
  SaveJob job{maker(context, title_), with_home(path_), options_.format, look(),
              options_.files_beside};
  if (!job.make) return;
  job.look.figure.palette = context.state.view.palette;
  if (!format_of_ending(path_)) job.path += "." + std::string(format_name(options_.format));
  problem_.clear();
  std::error_code ignored;
  const auto folder = std::filesystem::absolute(job.path, ignored).parent_path();
  options_.folder = folder.string();
  queue_.add(
      job.path.filename().string(),
      [job](const RunContext& run) -> ExportOutcome {
        const auto message = job.run(run);
        if (!message) return failed(message.error());
        return {false, *message, "", false};
      },
      context.state.wake);
}

void ExportMenu::take_outcomes(ViewContext& context) {
  for (ExportOutcome& outcome : queue_.take()) {
    if (!outcome.clipboard.empty()) ImGui::SetClipboardText(outcome.clipboard.c_str());
    if (outcome.saving_instead) {
      open(title_);
      set_format(ExportFormat::png);
    }
    if (outcome.failed) problem_ = outcome.message;
    if (!outcome.message.empty())
      context.state.notify(outcome.failed ? Notice::Kind::error : Notice::Kind::info,
                           std::move(outcome.message));
  }
}

// One button for each tab bar: it belongs to the view that is in front there.
void ExportMenu::tab_buttons(ViewContext& context) {
  for (const Entry& entry : entries_) {
    const ImGuiWindow* window = ImGui::FindWindowByName(entry.title);
    if (!is_shown(window) || !has_tab_bar(window->DockNode)) continue;
    if (!ImGui::DockNodeBeginAmendTabBar(window->DockNode)) continue;
    const std::string label = std::string("   ##export ") + entry.title;
    if (ImGui::TabItemButton(label.c_str(),
                             ImGuiTabItemFlags_Trailing | ImGuiTabItemFlags_NoTooltip)) {
      popup_for_ = entry.title;
      open_popup_ = true;
    }
    export_icon(ImGui::IsItemHovered() ? context.theme.text : context.theme.muted);
    ImGui::SetItemTooltip("Export: picture, table, arrays; copy");
    ImGui::DockNodeEndAmendTabBar();
  }
}

void ExportMenu::popup(ViewContext& context) {
  if (std::exchange(open_popup_, false)) ImGui::OpenPopup(kPopup);
  if (!ImGui::BeginPopup(kPopup)) return;
  text_muted(context, popup_for_);
  if (ImGui::MenuItem("Copy picture")) copy_picture(context, popup_for_);
  if (ImGui::MenuItem("Copy table")) copy_table(context, popup_for_);
  ImGui::Separator();
  if (ImGui::MenuItem("Export ...")) open(popup_for_);
  ImGui::EndPopup();
}

void ExportMenu::propose_path(const ViewContext& context) {
  const Entry* entry = find(title_);
  if (entry == nullptr || own_path_) return;
  const ModelInfo* model = context.state.snapshot->model.get();
  const std::string name = entry->name();
  const std::string key =
      title_ + "/" + name + "/" + std::string(format_name(options_.format)) + "/" + options_.folder;
  if (key == proposed_for_ && !path_.empty()) return;
  proposed_for_ = key;
  std::error_code ignored;
  const std::filesystem::path folder = options_.folder.empty()
                                           ? std::filesystem::current_path(ignored)
                                           : std::filesystem::path(options_.folder);
  path_ = (folder / (file_words(model != nullptr ? model->name : "headscope") + "-" +
                     file_words(name) + "." + std::string(format_name(options_.format))))
              .string();
}

void ExportMenu::set_format(ExportFormat format) {
  options_.format = format;
  if (!own_path_ || !format_of_ending(path_)) return;
  std::filesystem::path path = path_;
  path_ = path.replace_extension("." + std::string(format_name(format))).string();
}

void ExportMenu::what_line(ViewContext& context) {
  ImGui::AlignTextToFramePadding();
  text_muted(context, "View");
  ImGui::SameLine(em() * 5);
  ImGui::SetNextItemWidth(-1);
  if (ImGui::BeginCombo("##view", title_.c_str())) {
    for (const Entry& entry : entries_) {
      if (!is_shown(ImGui::FindWindowByName(entry.title)) && title_ != entry.title) continue;
      if (ImGui::Selectable(entry.title, title_ == entry.title)) {
        title_ = entry.title;
        own_path_ = false;
      }
    }
    ImGui::EndCombo();
  }
}

void ExportMenu::look_lines(ViewContext& context) {
  ImGui::AlignTextToFramePadding();
  text_muted(context, "Format");
  ImGui::SameLine(em() * 5);
  int format = static_cast<int>(options_.format);
  if (segmented(context, "format", {"PNG", "SVG", "PDF", "CSV", "JSON", "safetensors"}, format))
    set_format(static_cast<ExportFormat>(format));
  const bool picture = options_.format <= ExportFormat::pdf;
  ImGui::BeginDisabled(!picture);  // stays where it is, so that nothing jumps
  ImGui::AlignTextToFramePadding();
  text_muted(context, "Look");
  ImGui::SameLine(em() * 5);
  int theme = options_.dark ? 1 : 0;
  if (segmented(context, "theme", {"Light", "Dark"}, theme)) options_.dark = theme == 1;
  ImGui::EndDisabled();
  ImGui::SameLine(0, em() * 1.2f);
  ImGui::BeginDisabled(options_.format != ExportFormat::png);
  text_muted(context, "Scale");
  ImGui::SameLine();
  ImGui::SetNextItemWidth(em() * 7);
  ImGui::SliderInt("##scale", &options_.scale, 1, ExportLook::most_scale, "%d",
                   ImGuiSliderFlags_AlwaysClamp);
  ImGui::SetItemTooltip("Pixels a point (1/72 inch): 1 = 72, 3 = 216, 4 = 288 dots an inch");
  ImGui::EndDisabled();
}

void ExportMenu::path_line(ViewContext& context) {
  propose_path(context);
  if (browser_->dialog && browser_->dialog->ready(0)) {
    const std::string path = browser_->dialog->result();
    browser_->dialog.reset();
    if (!path.empty()) {
      path_ = path;
      own_path_ = true;
      if (const auto format = format_of_ending(path_)) options_.format = *format;
    }
  }
  ImGui::AlignTextToFramePadding();
  text_muted(context, "File");
  ImGui::SameLine(em() * 5);
  const bool browsable = pfd::settings::available();
  const float browse = browsable ? ImGui::CalcTextSize("Browse ...").x + em() * 1.6f : 0;
  ImGui::SetNextItemWidth(ImGui::GetContentRegionAvail().x - browse);
  if (std::exchange(focus_path_, false)) ImGui::SetKeyboardFocusHere();
  const bool entered = ImGui::InputTextWithHint("##path", "/path/to/figure.png", &path_,
                                                ImGuiInputTextFlags_EnterReturnsTrue);
  if (ImGui::IsItemEdited()) {
    own_path_ = true;
    if (const auto format = format_of_ending(path_)) options_.format = *format;
  }
  if (browsable) {
    ImGui::SameLine();
    ImGui::BeginDisabled(browser_->dialog.has_value());
    if (ImGui::Button("Browse ...")) browser_->dialog.emplace("Export", path_);
    ImGui::EndDisabled();
  }
  if (entered && !path_.empty()) save(context);
  ImGui::Dummy(ImVec2(em() * 5 - ImGui::GetStyle().ItemSpacing.x, 1));
  ImGui::SameLine(em() * 5);
  ImGui::Checkbox("With the prompt and the settings beside it", &options_.files_beside);
  ImGui::SetItemTooltip(
      "The caption says the command of headscope-cli that draws the figure again; these are the\n"
      "files that it names: NAME.prompt.txt, NAME.intervention.json and the like");
}

void ExportMenu::buttons(ViewContext& context) {
  std::error_code ignored;
  const bool there = std::filesystem::is_regular_file(with_home(path_), ignored);
  ImGui::BeginDisabled(path_.empty() || queue_.running().has_value());
  if (ImGui::Button(there ? "Replace###save" : "Save###save")) save(context);
  ImGui::EndDisabled();
  ImGui::SameLine();
  if (ImGui::Button("Copy picture")) copy_picture(context, title_);
  ImGui::SameLine();
  if (ImGui::Button("Copy table")) copy_table(context, title_);
  ImGui::SameLine();
  if (ImGui::Button("Close")) open_ = false;
  if (there) {
    ImGui::SameLine(0, em());
    text_muted(context, "The file exists.");
  }
  if (problem_.empty()) return;
  ImGui::PushTextWrapPos(0);
  text_colored(context.theme.bad, problem_);
  ImGui::PopTextWrapPos();
}

void ExportMenu::window(ViewContext& context) {
  if (!open_) return;
  const ImGuiViewport* viewport = ImGui::GetMainViewport();
  ImGui::SetNextWindowPos(
      ImVec2(viewport->WorkPos.x + viewport->WorkSize.x * 0.5f, viewport->WorkPos.y + em() * 6),
      ImGuiCond_Appearing, ImVec2(0.5f, 0));
  ImGui::SetNextWindowSize(ImVec2(std::min(em() * 38, viewport->WorkSize.x - em() * 2), 0));
  ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, 1.0f);
  if (ImGui::Begin("Export", &open_,
                   ImGuiWindowFlags_NoCollapse | ImGuiWindowFlags_NoDocking |
                       ImGuiWindowFlags_NoSavedSettings)) {
    what_line(context);
    look_lines(context);
    path_line(context);
    buttons(context);
    if (ImGui::IsWindowFocused(ImGuiFocusedFlags_RootAndChildWindows) &&
        ImGui::IsKeyPressed(ImGuiKey_Escape))
      open_ = false;
  }
  ImGui::End();
  ImGui::PopStyleVar();
}

// What takes longer than half a second says so, and can be stopped.
void ExportMenu::progress(ViewContext& context) {
  const auto view = queue_.running();
  if (!view || view->seconds < kShowProgressAfter) return;
  const ImGuiViewport* viewport = ImGui::GetMainViewport();
  ImGui::SetNextWindowPos(ImVec2(viewport->WorkPos.x + viewport->WorkSize.x - em(),
                                 viewport->WorkPos.y + viewport->WorkSize.y - em() * 3),
                          ImGuiCond_Always, ImVec2(1, 1));
  ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, 1.0f);
  if (ImGui::Begin("##export progress", nullptr,
                   ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                       ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoFocusOnAppearing |
                       ImGuiWindowFlags_NoDocking | ImGuiWindowFlags_AlwaysAutoResize)) {
    ImGui::AlignTextToFramePadding();
    text_muted(context, "Exporting " + view->what);
    ImGui::SameLine();
    const double total = view->progress.total;
    const float share = total > 0 ? static_cast<float>(view->progress.done / total) : 0.15f;
    ImGui::ProgressBar(share, ImVec2(em() * 8, 0), view->progress.what.c_str());
    ImGui::SameLine();
    if (ImGui::Button("Cancel##export")) queue_.cancel();
  }
  ImGui::End();
  ImGui::PopStyleVar();
}

void ExportMenu::draw(ViewContext& context) {
  watch_focus();
  take_outcomes(context);
  tab_buttons(context);
  popup(context);
  window(context);
  progress(context);
}

}  // namespace headscope
