// Where a head stands on the head map of a scripted window.
#pragma once

#include "tests/ui_stage.h"

namespace headscope::test {

/// The middle of a head's cell.
inline ImVec2 head_cell(ImGuiTestContext* test, HeadId head) {
  const ModelInfo& model = *stage_of(test).snapshot().model;
  const ImRect map = test->ItemInfo("//Heads/heads").RectFull;
  return ImVec2(
      map.Min.x + map.GetWidth() * (static_cast<float>(head.head) + 0.5f) / float(model.heads),
      map.Min.y + map.GetHeight() * (static_cast<float>(head.layer) + 0.5f) / float(model.layers));
}

}  // namespace headscope::test
