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

  bool busy() const { return folder.has_value() || file.has_value(); }

  void ask_for_folder(const Question& question) { folder.emplace(question.title, ""); }
  void ask_for_file(const Question& question) {
    const std::vector<std::string> any = {"All files", "*"};
    file.emplace(question.title, "", question.files.empty() ? any : question.files);
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
  if (question_.answer) question_.answer(path);
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
    const bool browsable = pfd::settings::available();
    const bool both = question_.folder && !question_.files.empty();
    const char* browse_label = both ? "Folder ..." : "Browse ...";
    const float browse = (browsable ? ImGui::CalcTextSize(browse_label).x + em() * 2 : 0) +
                         (browsable && both ? ImGui::CalcTextSize("File ...").x + em() * 2 : 0);
    ImGui::SetNextItemWidth(ImGui::GetContentRegionAvail().x - browse);
    const bool entered = ImGui::InputTextWithHint("##path", "/path/to/...", &path_,
                                                  ImGuiInputTextFlags_EnterReturnsTrue);
    if (browsable) {
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
    }
    ImGui::BeginDisabled(path_.empty());
    const bool opened = ImGui::Button("Open");
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
  ImGui::End();
  ImGui::PopStyleVar();
  if (!keep) open_ = false;
}

}  // namespace headscope
