// What an attention map says about the cell under the cursor.
#pragma once

#include <cstdint>

#include "app/views/map_picture.h"
#include "app/views/map_zoom.h"

namespace headscope {

/// Crosshair and tooltip at a cell of the axes: both tokens (or groups), where they stand, the
/// weight with and without the intervention, and its share of the row.
void map_readout(const ViewContext& context, const MapPicture& picture, const MapFrame& frame,
                 std::int64_t column, std::int64_t row);

/// "overview: the largest of 16 x 16 weights"
std::string pooled_note(std::int64_t cell);

}  // namespace headscope
