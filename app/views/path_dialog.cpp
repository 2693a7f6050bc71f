#include "app/views/path_dialog.h"

#include <imgui_stdlib.h>
#include <portable_file_dialogs.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace headscope {

struct PathDialog::Browser {
  std::optional<pfd::select_folder> folder;
  std::optional<pfd::open_file> file;
  std::optional<pfd::save_file> save;

  bool busy() const { return folder.has_value() || file.has_value() || save.has_value(); }

  void ask_for_folder(const Question& question) { folder.emplace(question.title, ""); }
  void ask_for_file(const Question& question) {
    const std::vector<std::string> any = {"All files", "*"};
    const auto& kinds = question.files.empty() ? any : question.files;
    if (question.save) {
      save.emplace(question.title, "", kinds);
    } else {
      file.emplace(question.title, "", kinds);
    }
  }

  // The chosen path, "" when the dialog was closed, nothing while it is open.
  std::optional<std::string> poll() {
    if (folder && folder->ready(0)) {
      std::string path = folder->result();
      folder.reset();
      return path;
    }
    if (file && file->ready(0)) {
      const std::vector<std::string> paths = file->result();
      file.reset();
      return paths.empty() ? std::string() : paths.front();
    }
    if (save && save->ready(0)) {
      std::string path = save->result();
      save.reset();
      return path;
    }
    return std::nullopt;
  }
};

PathDialog::PathDialog() : browser_(std::make_unique<Browser>()) {}
PathDialog::~PathDialog() = default;

void PathDialog::ask(Question question, std::string proposal) {
  question_ = std::move(question);
  path_ = std::move(proposal);
  open_ = true;
  focus_ = true;
}

void PathDialog::finish(const std::string& path) {
  open_ = false;
  const auto answer = question_.answer;  // which may ask the next question
  if (answer) answer(path);
}

// The path, typed or browsed for; says whether Enter was pressed.
bool PathDialog::path_field() {
  const bool browsable = !question_.name && pfd::settings::available();
  const bool both = question_.folder && !question_.files.empty();
  const char* browse_label = both ? "Folder ..." : "Browse ...";
  const float browse = (browsable ? ImGui::CalcTextSize(browse_label).x + em() * 2 : 0) +
                       (browsable && both ? ImGui::CalcTextSize("File ...").x + em() * 2 : 0);
  ImGui::SetNextItemWidth(ImGui::GetContentRegionAvail().x - browse);
  const bool entered = ImGui::InputTextWithHint("##path", question_.name ? "name" : "/path/to/...",
                                                &path_, ImGuiInputTextFlags_EnterReturnsTrue);
  if (!browsable) return entered;
  ImGui::SameLine();
  ImGui::BeginDisabled(browser_->busy());
  if (ImGui::Button(browse_label)) {
    question_.folder ? browser_->ask_for_folder(question_) : browser_->ask_for_file(question_);
  }
  if (both) {
    ImGui::SameLine();
    if (ImGui::Button("File ...")) browser_->ask_for_file(question_);
  }
  ImGui::EndDisabled();
  return entered;
}

void PathDialog::buttons(bool entered, bool& keep) {
  ImGui::BeginDisabled(path_.empty());
  const bool opened = ImGui::Button(question_.button.c_str());
  ImGui::EndDisabled();
  bool extra = false;
  if (!question_.extra.empty()) {
    ImGui::SameLine();
    extra = ImGui::Button(question_.extra.c_str());
  }
  ImGui::SameLine();
  if (ImGui::Button("Close") || ImGui::IsKeyPressed(ImGuiKey_Escape)) keep = false;
  if (extra) {
    finish(question_.extra_answer);
  } else if ((entered || opened) && !path_.empty()) {
    finish(path_);
  }
}

void PathDialog::draw(ViewContext& context) {
  if (!open_) return;
  if (browser_->busy()) {
    if (const std::optional<std::string> path = browser_->poll(); path && !path->empty())
      path_ = *path;
  }
  const ImGuiViewport* viewport = ImGui::GetMainViewport();
  ImGui::SetNextWindowPos(
      ImVec2(viewport->WorkPos.x + viewport->WorkSize.x * 0.5f, viewport->WorkPos.y + em() * 6),
      ImGuiCond_Appearing, ImVec2(0.5f, 0));
  ImGui::SetNextWindowSize(ImVec2(std::min(em() * 40, viewport->WorkSize.x - em() * 2), 0));
  ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, 1.0f);
  const std::string title = question_.title + "###path dialog";
  bool keep = true;
  if (ImGui::Begin(title.c_str(), &keep,
                   ImGuiWindowFlags_NoCollapse | ImGuiWindowFlags_NoDocking |
                       ImGuiWindowFlags_NoSavedSettings)) {
    ImGui::PushTextWrapPos(0);
    text_muted(context, question_.hint);
    ImGui::PopTextWrapPos();
    if (focus_) ImGui::SetKeyboardFocusHere();
    focus_ = false;
    const bool entered = path_field();
    buttons(entered, keep);
  }
  ImGui::End();
  ImGui::PopStyleVar();
  if (!keep) open_ = false;
}

}  // namespace headscope
