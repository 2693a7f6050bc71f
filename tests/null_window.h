// The window's views where nothing is rendered: ImGui on its null back end.
#pragma once

#include <doctest/doctest.h>
#include <imgui.h>
#include <imgui_impl_null.h>
#include <implot.h>

#include <cmath>

#include "app/shell/app.h"

namespace headscope::test {

/// An ImGui context that renders nowhere.
class NullWindow {
 public:
  NullWindow() {
    ImGui::CreateContext();
    ImPlot::CreateContext();
    ImGui::GetIO().IniFilename = nullptr;
    ImGui::GetIO().ConfigFlags |= ImGuiConfigFlags_DockingEnable;
    ImGui::GetIO().Fonts->AddFontDefaultVector();
    ImGui_ImplNull_Init();
  }
  ~NullWindow() {
    ImGui_ImplNull_Shutdown();
    ImPlot::DestroyContext();
    ImGui::DestroyContext();
  }

  // Draws `frames` frames with the mouse at `mouse` and returns the number of vertices of the last
  // one.
  int draw(App& app, ImVec2 size, int frames, ImVec2 mouse = ImVec2(-1, -1)) {
    ImFont* font = ImGui::GetIO().Fonts->Fonts[0];
    app.set_fonts({font, font});
    for (int i = 0; i < frames; ++i) {
      app.prepare_frame();
      ImGui_ImplNull_NewFrame();
      ImGui::GetIO().DisplaySize = size;  // the null back end has its own idea at each frame
      ImGui::GetIO().AddMousePosEvent(mouse.x, mouse.y);
      ImGui::NewFrame();
      app.frame();
      ImGui::Render();
      ImGui_ImplNullRender_RenderDrawData(ImGui::GetDrawData());
    }
    check_vertices();
    return ImGui::GetDrawData()->TotalVtxCount;
  }

 private:
  static void check_vertices() {
    bool finite = true;
    for (const ImDrawList* list : ImGui::GetDrawData()->CmdLists) {
      for (const ImDrawVert& vertex : list->VtxBuffer) {
        finite = finite && std::isfinite(vertex.pos.x) && std::isfinite(vertex.pos.y);
      }
    }
    CHECK(finite);
  }
};

}  // namespace headscope::test
