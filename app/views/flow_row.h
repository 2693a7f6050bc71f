// A toolbar that takes as many lines as its items need.
#pragma once

#include <imgui.h>

#include <initializer_list>

namespace headscope {

/// Call `next` with the width of each item before it is drawn: it goes beside the last one, or on a
/// new line where that is too narrow.
class FlowRow {
 public:
  explicit FlowRow(float gap)
      : gap_(gap), right_(ImGui::GetCursorScreenPos().x + ImGui::GetContentRegionAvail().x) {}

  void next(float width) {
    if (!first_ && ImGui::GetItemRectMax().x + gap_ + width <= right_) ImGui::SameLine(0, gap_);
    first_ = false;
  }

 private:
  float gap_, right_;
  bool first_ = true;
};

/// Widths of what stands in toolbars: `segmented`, a button, a checkbox.
inline float button_width(const char* label) {
  return ImGui::CalcTextSize(label).x + 2 * ImGui::GetStyle().FramePadding.x;
}
inline float segmented_width(std::initializer_list<const char*> labels) {
  float width = static_cast<float>(labels.size()) - 1;
  for (const char* label : labels) width += button_width(label);
  return width;
}
inline float checkbox_width(const char* label) {
  return ImGui::GetFrameHeight() + ImGui::GetStyle().ItemInnerSpacing.x +
         ImGui::CalcTextSize(label).x;
}

}  // namespace headscope
