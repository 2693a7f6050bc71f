// Heat maps drawn by the GPU from raw values: tiles of one-float texels, colour in the shader.
#pragma once

#include <imgui.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "app/render/palettes.h"

namespace headscope {

/// Row-major values which `owner` keeps alive and which never change: their address is their
/// identity.
struct HeatmapData {
  std::shared_ptr<const void> owner;
  const float* values = nullptr;
  std::int64_t columns = 0;
  std::int64_t rows = 0;

  bool empty() const { return values == nullptr || columns <= 0 || rows <= 0; }
  friend bool operator==(const HeatmapData&, const HeatmapData&) = default;
};

/// What the shader does with the values. Changing it uploads nothing.
struct HeatmapStyle {
  Palette palette = Palette::viridis;
  bool logarithmic = false;
  float low = 0, high = 1;  ///< values of the first and last colour; log and difference: smallest,
                            ///< largest magnitude
  bool difference = false;  ///< values - baseline
  std::int64_t causal =
      -1;  ///< key j is hidden from row i when j > i + causal; -1: nothing is hidden
  std::int64_t left_out = 0;  ///< that many of the first columns are not drawn
  /// Every row is divided by its own value [rows, 1]; empty = it is not. Row i of the map takes
  /// value (i + row_offset) / row_cell.
  HeatmapData rows;
  std::int64_t row_offset = 0, row_cell = 1;
};

/// The part of the map that is shown, in cells.
struct HeatmapWindow {
  double left = 0, top = 0, right = 1, bottom = 1;
};

/// Keeps textures between frames. All GL happens while the frame is rendered, so views that use it
/// also run where nothing is rendered (tests on the null back end).
class HeatmapRenderer {
 public:
  HeatmapRenderer();
  ~HeatmapRenderer();  ///< the GL context must be current if anything was ever rendered
  HeatmapRenderer(const HeatmapRenderer&) = delete;
  HeatmapRenderer& operator=(const HeatmapRenderer&) = delete;

  /// Before the views of a frame: forgets last frame's pictures and frees unused textures.
  void begin_frame();

  /// Adds a picture over [min, max] of the screen. `baseline` is read for a difference only.
  void draw(ImDrawList& list, ImVec2 min, ImVec2 max, const HeatmapData& data,
            const HeatmapData& baseline, const HeatmapStyle& style, const HeatmapWindow& window);

  /// Last failure (shader, texture memory), empty when all is well.
  const std::string& error() const;
  /// Number of uploads so far: tests prove that moving a range uploads nothing.
  std::int64_t uploads() const;
  /// Pictures asked for in this frame.
  std::size_t pictures() const;

 private:
  struct Impl;
  static void render(const ImDrawList* list, const ImDrawCmd* command);
  std::unique_ptr<Impl> impl_;
};

}  // namespace headscope
