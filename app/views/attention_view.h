// The attention map of the selected head: response rows x keys, or all rows x all keys.
#pragma once

#include <optional>

#include "app/views/map_axes.h"
#include "app/views/map_digest.h"
#include "app/views/map_picture.h"
#include "app/views/map_zoom.h"
#include "app/views/widgets.h"

namespace headscope {

/// Steps through a map without a mouse.
enum class MapMove { nearer, farther, left, right, up, down, whole };

/// Nothing it does in a frame grows with the number of tokens: sums, groups and ranges are worked
/// out beside the window's thread, and axes draw what is on screen.
class AttentionPanel {
 public:
  AttentionPanel();
  void draw(ViewContext& context);

  /// Takes effect when the map is drawn next.
  void move(MapMove step) { move_ = step; }
  /// Groups or ranges are being worked out.
  bool busy() const { return digests_.busy(); }
  const MapZoom& zoom() const { return zoom_; }
  void look_at(const HeatmapWindow& window) { zoom_.window = window; }

 private:
  struct Cursor {
    std::int64_t column = 0, row = 0;  ///< cells of the axes
  };
  void find_digest(ViewContext& context, MapPicture& picture);
  void map(ViewContext& context, const MapPicture& picture);
  void navigate(const MapPicture& picture, const MapFrame& frame);
  void keys(const MapFrame& frame);
  void step_cursor(const ViewContext& context, const MapPicture& picture, const MapFrame& frame);
  void draw_values(ViewContext& context, const MapPicture& picture, const MapFrame& frame) const;
  void draw_exact(ViewContext& context, const MapPicture& picture, const MapFrame& frame,
                  const HeatmapWindow& part) const;
  void ask_for_detail(ViewContext& context, const MapPicture& picture) const;

  MapZoom zoom_;
  Cursor cursor_;  ///< that the arrows move while the map has the focus
  std::optional<MapMove> move_;
  NewestResult<DigestJob, MapDigest> digests_;
};

}  // namespace headscope
