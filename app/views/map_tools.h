// What is chosen above an attention map.
#pragma once

#include "app/views/map_zoom.h"
#include "app/views/widgets.h"

namespace headscope {

/// The toolbar, in as many lines as it needs. True: the whole map is wanted.
bool map_toolbar(ViewContext& context, const MapZoom& zoom);

/// The popup behind the colour bar and the toolbar's Range: where the ends of the scale come from.
/// `shown` is the scale on screen, from which a range by hand begins.
void map_range_popup(ViewContext& context, const HeatmapStyle& shown);
/// Opens it.
void open_map_range();

}  // namespace headscope
