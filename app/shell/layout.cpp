#include "app/shell/layout.h"

#include <imgui_internal.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <sstream>
#include <string_view>

namespace headscope {
namespace {

constexpr std::string_view kViewsSection = "[Headscope][Views]";

using Nodes = std::array<ImGuiID, places>;

ImGuiID& at(Nodes& nodes, Place place) {
  return nodes[static_cast<std::size_t>(place)];
}

// Story from left to right: the prompt, the heads that read it, what they do to it.
Nodes split_explore(ImGuiID root) {
  ImGuiID left = 0, middle = 0, right = 0, rest = 0;
  ImGui::DockBuilderSplitNode(root, ImGuiDir_Left, 0.245f, &left, &rest);
  ImGui::DockBuilderSplitNode(rest, ImGuiDir_Right, 0.405f, &right, &middle);
  ImGuiID answer = 0, below = 0, heads = 0, attention = 0;
  ImGui::DockBuilderSplitNode(middle, ImGuiDir_Up, 0.17f, &answer, &below);
  ImGui::DockBuilderSplitNode(below, ImGuiDir_Up, 0.43f, &heads, &attention);
  ImGuiID controls = 0, documents = 0, ranking = 0;
  ImGui::DockBuilderSplitNode(right, ImGuiDir_Up, 0.335f, &controls, &documents);
  ImGui::DockBuilderSplitNode(documents, ImGuiDir_Up, 0.43f, &ranking, &documents);
  return {left, left, answer, heads, attention, controls, ranking, documents};
}

// Which document took the attention: the prompt and the documents' bars have the room.
Nodes split_debug(ImGuiID root) {
  ImGuiID left = 0, middle = 0, right = 0, rest = 0;
  ImGui::DockBuilderSplitNode(root, ImGuiDir_Left, 0.31f, &left, &rest);
  ImGui::DockBuilderSplitNode(rest, ImGuiDir_Right, 0.42f, &right, &middle);
  ImGuiID answer = 0, documents = 0, controls = 0, heads = 0, attention = 0;
  ImGui::DockBuilderSplitNode(middle, ImGuiDir_Up, 0.2f, &answer, &documents);
  ImGui::DockBuilderSplitNode(right, ImGuiDir_Up, 0.335f, &controls, &heads);
  ImGui::DockBuilderSplitNode(heads, ImGuiDir_Up, 0.5f, &heads, &attention);
  return {left, left, answer, heads, attention, controls, heads, documents};
}

// The lesson on the left, what it speaks of beside it.
Nodes split_teach(ImGuiID root) {
  ImGuiID left = 0, middle = 0, right = 0, rest = 0;
  ImGui::DockBuilderSplitNode(root, ImGuiDir_Left, 0.3f, &left, &rest);
  ImGui::DockBuilderSplitNode(rest, ImGuiDir_Right, 0.48f, &right, &middle);
  ImGuiID answer = 0, prompt = 0, documents = 0, controls = 0, heads = 0, attention = 0;
  ImGui::DockBuilderSplitNode(middle, ImGuiDir_Up, 0.2f, &answer, &prompt);
  ImGui::DockBuilderSplitNode(prompt, ImGuiDir_Down, 0.4f, &documents, &prompt);
  ImGui::DockBuilderSplitNode(right, ImGuiDir_Up, 0.335f, &controls, &heads);
  ImGui::DockBuilderSplitNode(heads, ImGuiDir_Up, 0.45f, &heads, &attention);
  return {prompt, left, answer, heads, attention, controls, documents, documents};
}

struct Plan {
  Nodes (*split)(ImGuiID root);
  /// Views in front where several share a region, first of them that is open; the first one of the
  /// table otherwise.
  std::initializer_list<const char*> front;
  std::initializer_list<const char*> opened, closed;  ///< beside what is open at first
};

constexpr std::array<Arrangement, 3> kArrangements = {
    {{"explore", "Explore", "heads and maps"},
     {"debug", "Debug", "the prompt and its documents"},
     {"teach", "Teach", "a lesson and what it speaks of"}}};

const std::array<Plan, 3> kPlans = {
    {{split_explore,
      {titles::prompt, titles::attention, titles::ranking, titles::documents},
      {},
      {}},
     {split_debug,
      {titles::prompt, titles::documents, titles::heads, titles::attention},
      {titles::runs},
      {titles::lesson, titles::own_people, titles::layer, titles::lens, titles::scores,
       titles::experiments}},
     {split_teach,
      {titles::prompt, titles::documents, titles::heads, titles::attention},
      {titles::lesson, titles::own_people},
      {titles::experiments, titles::layer, titles::difference, titles::scores, titles::runs,
       titles::tests, titles::head_sets}}}};

// Without it, the tab that appears last would be in front.
void bring_to_front(ImGuiID node, const char* title) {
  ImGui::DockBuilderGetNode(node)->SelectedTabId = ImHashStr("#TAB", 0, ImHashStr(title));
}

void open_views(const Plan& plan, ViewTable& views) {
  for (View& view : views.all()) view.open = view.open_at_first;
  for (const char* title : plan.opened) views.set_open_views({{title, true}});
  for (const char* title : plan.closed) views.set_open_views({{title, false}});
}

const View* front_of(ImGuiID node, Nodes& nodes, const Plan& plan, ViewTable& views) {
  for (const char* title : plan.front) {
    const View* view = views.find(title);
    if (view != nullptr && view->open && at(nodes, view->place) == node) return view;
  }
  for (const View& view : views.all()) {
    if (view.open && at(nodes, view.place) == node) return &view;
  }
  return nullptr;
}

// The first layout of all leaves open what somebody opened before there was one.
void build(ImGuiID root, ImVec2 size, const Plan& plan, ViewTable& views, bool first) {
  ImGui::DockBuilderRemoveNode(root);
  ImGui::DockBuilderAddNode(root, ImGuiDockNodeFlags_DockSpace);
  ImGui::DockBuilderSetNodeSize(root, size);
  Nodes nodes = plan.split(root);
  if (!first) open_views(plan, views);
  // Closed ones too: they open where they belong.
  for (const View& view : views.all())
    ImGui::DockBuilderDockWindow(view.title, at(nodes, view.place));
  for (const ImGuiID node : nodes) {
    if (const View* front = front_of(node, nodes, plan, views)) bring_to_front(node, front->title);
  }
  ImGui::DockBuilderFinish(root);
}

}  // namespace

std::span<const Arrangement> arrangements() {
  return kArrangements;
}

void dock_space(float bottom, int arrangement, ViewTable& views, bool hidden) {
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
  const bool first = arrangement < 0 && ImGui::DockBuilderGetNode(root) == nullptr;
  if (first || arrangement >= 0) {
    const auto plan = static_cast<std::size_t>(std::max(arrangement, 0));
    build(root, size, kPlans[std::min(plan, kPlans.size() - 1)], views, first);
  }
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

std::string save_layout(const ViewTable& views) {
  std::size_t size = 0;
  const char* settings = ImGui::SaveIniSettingsToMemory(&size);
  std::string text(settings, size);
  // A section that ImGui skips: it does not know its type.
  text.append(kViewsSection).append("\n");
  for (const auto& [title, open] : views.open_views())
    text.append(title).append(open ? "=1\n" : "=0\n");
  return text;
}

void load_layout(const std::string& text, ViewTable& views) {
  ImGui::LoadIniSettingsFromMemory(text.data(), text.size());
  std::map<std::string, bool> open;
  std::istringstream lines(text);
  bool ours = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("[")) {
      ours = line == kViewsSection;
    } else if (const auto equals = line.rfind('='); ours && equals != std::string::npos) {
      open[line.substr(0, equals)] = line.substr(equals + 1) == "1";
    }
  }
  views.set_open_views(open);
}

}  // namespace headscope
