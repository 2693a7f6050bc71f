#include "app/shell/view_table.h"

#include <imgui_internal.h>

#include <utility>

#include "app/shell/layout.h"

namespace headscope {

namespace {

// Somebody who goes about by Tab goes on at the first item of a window that a command brought to
// the front. ImGui does that for windows that its own keys bring there.
void begin_keys() {
  const ImGuiContext& imgui = *ImGui::GetCurrentContext();
  if (imgui.NavCursorVisible && imgui.NavWindow == ImGui::GetCurrentWindow() && imgui.NavId == 0)
    ImGui::NavInitWindow(ImGui::GetCurrentWindow(), false);
}

}  // namespace

void ViewTable::add(const char* title, Place place, bool open_at_first,
                    std::function<void(ViewContext&)> draw) {
  views_.push_back({title, place, open_at_first, std::move(draw), open_at_first});
}

View* ViewTable::find(std::string_view title) {
  for (View& view : views_) {
    if (title == view.title) return &view;
  }
  return nullptr;
}

void ViewTable::show(std::string_view title) {
  constexpr int kFrames = 4;  // a new layout, or a new tab, chooses its tabs in its first frames
  View* view = find(title);
  if (view == nullptr) return;
  const bool there = view->open && ImGui::FindWindowByName(view->title) != nullptr;
  view->open = true;
  front_ = title;
  front_frames_ = there ? 1 : kFrames;
  key_frames_ = 2 * kFrames;  // what scrolls counts from its second frame on
}

void ViewTable::toggle(std::string_view title) {
  View* view = find(title);
  if (view == nullptr) return;
  if (view->open) {
    view->open = false;
  } else {
    show(title);
  }
}

// A docked view beside which this one opens when the layout does not know it yet.
const char* ViewTable::neighbour_of(const View& view) const {
  const char* any = nullptr;
  for (const View& other : views_) {
    const ImGuiWindow* window = ImGui::FindWindowByName(other.title);
    if (&other == &view || window == nullptr || window->DockId == 0) continue;
    if (other.place == view.place) return other.title;
    if (any == nullptr || other.place == Place::attention) any = other.title;
  }
  return any;
}

void ViewTable::draw(ViewContext& context) {
  for (View& view : views_) {
    if (!view.open) continue;
    if (ImGui::FindWindowByName(view.title) == nullptr) {
      if (const char* neighbour = neighbour_of(view)) dock_beside(neighbour);
    }
    const bool to_front = front_frames_ > 0 && front_ == view.title;
    if (to_front) {
      --front_frames_;
      ImGui::SetNextWindowFocus();
    }
    // The tab of a window that takes the focus when it appears comes to the front: in a new layout
    // that would be the last one.
    const ImGuiWindowFlags flags =
        ImGuiWindowFlags_NoCollapse |
        (&view == &views_.front() ? ImGuiWindowFlags_None : ImGuiWindowFlags_NoFocusOnAppearing);
    const bool shown = ImGui::Begin(view.title, &view.open, flags);
    if (key_frames_ > 0 && front_ == view.title) {
      --key_frames_;
      begin_keys();
    }
    if (shown) view.draw(context);
    ImGui::End();
  }
}

void ViewTable::draw_content(std::string_view title, ViewContext& context) {
  if (const View* view = find(title)) view->draw(context);
}

std::map<std::string, bool> ViewTable::open_views() const {
  std::map<std::string, bool> open;
  for (const View& view : views_) open[view.title] = view.open;
  return open;
}

void ViewTable::set_open_views(const std::map<std::string, bool>& open) {
  for (const auto& [title, is_open] : open) {
    if (View* view = find(title)) view->open = is_open;
  }
}

}  // namespace headscope
