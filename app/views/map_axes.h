// The two axes of an attention map: documents from afar, tokens from near, positions between.
#pragma once

#include <cstdint>
#include <optional>

#include "app/views/map_picture.h"
#include "app/views/map_zoom.h"

namespace headscope {

/// Room that the axes take, the same at every zoom: nothing jumps.
struct AxisRoom {
  float strip = 0;  ///< of document numbers
  float left = 0;   ///< of the vertical axis, in all
  float top = 0;    ///< of the horizontal axis, in all
};

/// `width` is that of the whole map.
AxisRoom axis_room(const MapPicture& picture, float width);

/// Draws both axes around `frame`. No label overlaps another one. `column` and `row` are named
/// whatever the zoom: where the cursor is.
void draw_axes(const ViewContext& context, const MapPicture& picture, const MapFrame& frame,
               const AxisRoom& room, std::optional<std::int64_t> column,
               std::optional<std::int64_t> row);

}  // namespace headscope
