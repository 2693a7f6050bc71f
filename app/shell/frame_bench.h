// What a frame costs the window's thread: `bench --suite ui` of headscope-cli asks for it.
#pragma once

#include <cstdint>

#include "core/base/error.h"
#include "core/base/json.h"

namespace headscope {

struct FrameBenchOptions {
  std::int64_t tokens = 32768;  ///< of the prompt, about
  int frames = 300;             ///< of each phase, 60 a second
};

/// Draws frames of the whole window on ImGui's null back end (no display, no OpenGL), with an
/// engine whose model is a stand-in of 28 layers and 24 heads that answers at once. A frame is what
/// the window's thread does from ImGui::NewFrame to ImGui::Render: the snapshot taken over, every
/// view, the request handed in.
/// {"tokens","heads","vertices","draw_calls","phases":{NAME:{"wall_ms":[...],"cpu_ms":[...]}}};
/// cpu_ms is the thread's own processor time, which other programs do not touch. Phases:
///   still    nothing moves
///   pan      the full map is dragged about, close enough that exact regions are asked for
///   sliders  tau changes at every frame, the map shows the response rows
///   overlay  the same beside the token overlay
///   both     pan and sliders together
/// Errors: internal (the engine does not come to rest).
Result<Json> measure_frames(const FrameBenchOptions& options);

}  // namespace headscope
