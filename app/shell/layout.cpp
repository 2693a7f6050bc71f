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

// The part of `share` of what `rest` holds, which is the remainder afterwards.
ImGuiID cut(ImGuiID& rest, ImGuiDir side, float share) {
  ImGuiID part = 0, remainder = 0;
  ImGui::DockBuilderSplitNode(rest, side, share, &part, &remainder);
  rest = remainder;
  return part;
}

// Story from left to right: the prompt, the heads that read it, what they do to it.
Nodes split_explore(ImGuiID attention) {
  const ImGuiID left = cut(attention, ImGuiDir_Left, 0.245f);
  ImGuiID documents = cut(attention, ImGuiDir_Right, 0.405f);
  const ImGuiID answer = cut(attention, ImGuiDir_Up, 0.17f);
  const ImGuiID heads = cut(attention, ImGuiDir_Up, 0.43f);
  const ImGuiID controls = cut(documents, ImGuiDir_Up, 0.335f);
  const ImGuiID ranking = cut(documents, ImGuiDir_Up, 0.43f);
  return {left, left, answer, heads, attention, controls, ranking, documents};
}

// Which document took the attention: the prompt and the documents' bars have the room.
Nodes split_debug(ImGuiID documents) {
  const ImGuiID left = cut(documents, ImGuiDir_Left, 0.31f);
  ImGuiID attention = cut(documents, ImGuiDir_Right, 0.42f);
  const ImGuiID answer = cut(documents, ImGuiDir_Up, 0.2f);
  const ImGuiID controls = cut(attention, ImGuiDir_Up, 0.335f);
  const ImGuiID heads = cut(attention, ImGuiDir_Up, 0.5f);
  return {left, left, answer, heads, attention, controls, heads, documents};
}

// The lesson on the left, what it speaks of beside it.
Nodes split_teach(ImGuiID prompt) {
  const ImGuiID left = cut(prompt, ImGuiDir_Left, 0.3f);
  ImGuiID attention = cut(prompt, ImGuiDir_Right, 0.48f);
  const ImGuiID answer = cut(prompt, ImGuiDir_Up, 0.2f);
  const ImGuiID documents = cut(prompt, ImGuiDir_Down, 0.4f);
  const ImGuiID controls = cut(attention, ImGuiDir_Up, 0.335f);
  const ImGuiID heads = cut(attention, ImGuiDir_Up, 0.45f);
  return {prompt, left, answer, heads, attention, controls, documents, documents};
}

// A window that three columns would cut off: two, whose parts are shared.
Nodes split_narrow(ImGuiID maps) {
  ImGuiID text = cut(maps, ImGuiDir_Left, 0.44f);
  const ImGuiID answer = cut(text, ImGuiDir_Down, 0.3f);
  const ImGuiID heads = cut(maps, ImGuiDir_Up, 0.46f);
  return {text, text, answer, heads, maps, heads, maps, maps};
}

constexpr float kNarrow = 70;  // em

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
      {titles::lesson, titles::prompt, titles::documents, titles::heads, titles::attention},
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
  Nodes nodes = size.x < kNarrow * ImGui::GetFontSize() ? split_narrow(root) : plan.split(root);
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
  // Narrower tabs than buttons: five of them stand in the middle of a window of 1280 pixels.
  const ImVec2 padding = ImGui::GetStyle().FramePadding, inner = ImGui::GetStyle().ItemInnerSpacing;
  ImGui::PushStyleVar(ImGuiStyleVar_FramePadding, ImVec2(padding.x * 0.6f, padding.y));
  ImGui::PushStyleVar(ImGuiStyleVar_ItemInnerSpacing, ImVec2(inner.x * 0.5f, inner.y));
  ImGui::DockSpace(root, ImVec2(0, 0),
                   ImGuiDockNodeFlags_NoWindowMenuButton | ImGuiDockNodeFlags_NoCloseButton |
                       (hidden ? ImGuiDockNodeFlags_KeepAliveOnly : ImGuiDockNodeFlags_None));
  ImGui::PopStyleVar(2);
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
