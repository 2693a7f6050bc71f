#include "app/shell/layout.h"

#include <imgui_internal.h>

namespace headscope {
namespace {

// Without it, the tab that appears last would be in front.
void bring_to_front(ImGuiID node, const char* title) {
  ImGui::DockBuilderGetNode(node)->SelectedTabId = ImHashStr("#TAB", 0, ImHashStr(title));
}

// Story from left to right: the prompt, the heads that read it, what they do to it.
void build_default(ImGuiID root, ImVec2 size) {
  ImGui::DockBuilderRemoveNode(root);
  ImGui::DockBuilderAddNode(root, ImGuiDockNodeFlags_DockSpace);
  ImGui::DockBuilderSetNodeSize(root, size);
  ImGuiID left = 0, middle = 0, right = 0, rest = 0;
  ImGui::DockBuilderSplitNode(root, ImGuiDir_Left, 0.245f, &left, &rest);
  ImGui::DockBuilderSplitNode(rest, ImGuiDir_Right, 0.405f, &right, &middle);
  ImGuiID answer = 0, below = 0, heads = 0, attention = 0;
  ImGui::DockBuilderSplitNode(middle, ImGuiDir_Up, 0.17f, &answer, &below);
  ImGui::DockBuilderSplitNode(below, ImGuiDir_Up, 0.43f, &heads, &attention);
  ImGuiID controls = 0, documents = 0, ranking = 0;
  ImGui::DockBuilderSplitNode(right, ImGuiDir_Up, 0.335f, &controls, &documents);
  ImGui::DockBuilderSplitNode(documents, ImGuiDir_Up, 0.43f, &ranking, &documents);
  ImGui::DockBuilderDockWindow(titles::prompt, left);
  ImGui::DockBuilderDockWindow(titles::lesson, left);
  ImGui::DockBuilderDockWindow(titles::overlay, left);
  bring_to_front(left, titles::prompt);
  ImGui::DockBuilderDockWindow(titles::answer, answer);
  ImGui::DockBuilderDockWindow(titles::heads, heads);
  ImGui::DockBuilderDockWindow(titles::attention, attention);
  ImGui::DockBuilderDockWindow(titles::experiments, attention);
  bring_to_front(attention, titles::attention);
  ImGui::DockBuilderDockWindow(titles::controls, controls);
  ImGui::DockBuilderDockWindow(titles::ranking, ranking);
  ImGui::DockBuilderDockWindow(titles::documents, documents);
  ImGui::DockBuilderDockWindow(titles::tests, documents);
  bring_to_front(documents, titles::documents);
  ImGui::DockBuilderFinish(root);
}

}  // namespace

void dock_space(float bottom, bool rebuild, bool hidden) {
  const ImGuiViewport* viewport = ImGui::GetMainViewport();
  const ImVec2 size(viewport->WorkSize.x, viewport->WorkSize.y - bottom);
  ImGui::SetNextWindowPos(viewport->WorkPos);
  ImGui::SetNextWindowSize(size);
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(0, 0));
  ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, 0.0f);
  ImGui::PushStyleColor(ImGuiCol_WindowBg, ImGui::GetStyleColorVec4(ImGuiCol_DockingEmptyBg));
  const ImGuiWindowFlags flags = ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                                 ImGuiWindowFlags_NoDocking |
                                 ImGuiWindowFlags_NoBringToFrontOnFocus |
                                 ImGuiWindowFlags_NoNavFocus | ImGuiWindowFlags_NoSavedSettings;
  ImGui::Begin("##dock host", nullptr, flags);
  ImGui::PopStyleColor();
  ImGui::PopStyleVar(2);
  const ImGuiID root = ImGui::GetID("dock");
  if (rebuild || ImGui::DockBuilderGetNode(root) == nullptr) build_default(root, size);
  ImGui::PushStyleColor(ImGuiCol_Border,
                        ImGui::GetStyleColorVec4(ImGuiCol_DockingEmptyBg));  // splitters
  ImGui::DockSpace(root, ImVec2(0, 0),
                   ImGuiDockNodeFlags_NoWindowMenuButton | ImGuiDockNodeFlags_NoCloseButton |
                       (hidden ? ImGuiDockNodeFlags_KeepAliveOnly : ImGuiDockNodeFlags_None));
  ImGui::PopStyleColor();
  ImGui::End();
}

void dock_beside(const char* neighbour) {
  const ImGuiWindow* window = ImGui::FindWindowByName(neighbour);
  if (window != nullptr) ImGui::SetNextWindowDockID(window->DockId, ImGuiCond_FirstUseEver);
}

std::string save_layout() {
  std::size_t size = 0;
  const char* text = ImGui::SaveIniSettingsToMemory(&size);
  return {text, size};
}

void load_layout(const std::string& text) {
  ImGui::LoadIniSettingsFromMemory(text.data(), text.size());
}

}  // namespace headscope
