// The attention map of the selected head: response rows x keys, or all rows x all keys.
#pragma once

#include "app/views/widgets.h"

namespace headscope {

/// Which part of a map is on screen, in cells. Zooming keeps the point under the cursor.
struct MapZoom {
  std::int64_t columns = 0, rows = 0;  ///< of the map it belongs to
  HeatmapWindow window;

  void fit(std::int64_t map_columns,
           std::int64_t map_rows);  ///< resets when the map has another shape
  void reset();
  void scale(double x, double y, double factor_x, double factor_y);  ///< about a cell position
  void pan(double columns_moved, double rows_moved);
  bool whole() const;
};

class AttentionPanel {
 public:
  void draw(ViewContext& context);
  /// What is on screen of the map, in tokens, rows counted from the first; empty = all of it.
  MapRegion visible() const;

 private:
  struct Map;
  void toolbar(ViewContext& context);
  bool find_map(const ViewContext& context, Map& map) const;
  void navigate(const Map& map, ImVec2 min, ImVec2 max);
  void draw_values(ViewContext& context, const Map& map, ImVec2 min, ImVec2 max) const;
  void ask_for_detail(ViewContext& context, const Map& map) const;
  void document_strip(const ViewContext& context, ImVec2 min, ImVec2 max, bool vertical) const;
  void overlay(const ViewContext& context, const Map& map, ImVec2 min, ImVec2 max) const;
  void row_labels(const ViewContext& context, const Map& map, ImVec2 min, ImVec2 max) const;
  void readout(const ViewContext& context, const Map& map, ImVec2 min, ImVec2 max) const;

  float difference_range(const Map& map);

  MapZoom zoom_;
  const float *compared_ = nullptr, *compared_baseline_ = nullptr;  ///< maps that `range_` is of
  float range_ = 1;
};

}  // namespace headscope
