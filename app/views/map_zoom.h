// Which part of a map is on screen.
#pragma once

#include <cstdint>

#include "app/render/heatmap.h"

namespace headscope {

/// In cells. Zooming keeps the point under the cursor.
struct MapZoom {
  std::int64_t columns = 0, rows = 0;  ///< of the map it belongs to
  HeatmapWindow window;

  /// Resets when the map has another shape.
  void fit(std::int64_t map_columns, std::int64_t map_rows);
  void reset();
  void scale(double x, double y, double factor_x, double factor_y);  ///< about a cell position
  void pan(double columns_moved, double rows_moved);
  bool whole() const;
  double width() const { return window.right - window.left; }
  double height() const { return window.bottom - window.top; }
};

/// The part of a map that stands in a rectangle of the screen.
struct MapFrame {
  ImVec2 min, max;
  HeatmapWindow window;

  double columns_per_pixel() const { return (window.right - window.left) / (max.x - min.x); }
  double rows_per_pixel() const { return (window.bottom - window.top) / (max.y - min.y); }
  float x_of(double column) const {
    return min.x + static_cast<float>((column - window.left) / columns_per_pixel());
  }
  float y_of(double row) const {
    return min.y + static_cast<float>((row - window.top) / rows_per_pixel());
  }
  double column_at(float x) const { return window.left + (x - min.x) * columns_per_pixel(); }
  double row_at(float y) const { return window.top + (y - min.y) * rows_per_pixel(); }
};

}  // namespace headscope
