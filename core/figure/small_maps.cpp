#include "core/figure/small_maps.h"

#include <algorithm>
#include <cmath>

#include "core/figure/axes.h"
#include "core/figure/type.h"

namespace headscope::figure {
namespace {

constexpr double kWidth = 540, kGap = 8, kName = 11;
constexpr double kLowest = 1e-4;  // smallest weight that a logarithmic scale tells apart
constexpr double kLeastMap = 58, kMostMap = 120;

Result<> check(const SmallMapsFigure& f) {
  if (f.maps.empty() || f.rows <= 0 || f.columns <= 0)
    return bad_input("small maps: there is nothing to draw");
  const auto cells = static_cast<std::size_t>(f.rows) * static_cast<std::size_t>(f.columns);
  for (const SmallMap& map : f.maps) {
    if (map.values.size() == cells) continue;
    return bad_input("small maps: " + map.name + " has " + std::to_string(map.values.size()) +
                     " values, expected " + std::to_string(cells));
  }
  return {};
}

ColorScale scale_of(const SmallMapsFigure& f, const Style& style) {
  double largest = 1e-6;
  for (const SmallMap& map : f.maps) {
    for (const float v : map.values)
      if (std::isfinite(v)) largest = std::max(largest, std::abs(static_cast<double>(v)));
  }
  if (f.logarithmic) largest = std::max(largest, 10 * kLowest);
  ColorScale scale{style.sequential, f.logarithmic ? kLowest : 0, largest, f.logarithmic,
                   style.page};
  if (!f.difference) return scale;
  scale.palette = style.diverging;
  if (f.logarithmic) scale.middle = scale.low;
  scale.low = -largest;
  return scale;
}

// How the maps stand: as many across as there is room for, and rows about equally full.
struct Places {
  int across = 1, down = 1;
  double width = 0, height = 0;  ///< of one map
};

Places place(const SmallMapsFigure& f, double room) {
  const int count = static_cast<int>(f.maps.size());
  const int most = std::max(1, static_cast<int>((room + kGap) / (kLeastMap + kGap)));
  Places places;
  places.down = (count + most - 1) / most;
  places.across = (count + places.down - 1) / places.down;
  places.width = std::min(kMostMap, (room + kGap) / places.across - kGap);
  places.height = std::clamp(places.width * f.rows / f.columns, 26.0, places.width);
  return places;
}

void draw_map(Page& page, const SmallMapsFigure& f, const SmallMap& map, const Box& box,
              const ColorScale& scale) {
  const Style& style = page.style;
  Text name{{box.x, box.y - 3}, shortened(map.name, style.tick_size, box.width, map.marked)};
  name.size = style.tick_size;
  name.paint = {map.marked ? style.text : style.muted};
  name.bold = map.marked;
  name.role = "name";
  page.scene.add(std::move(name));
  Cells cells;
  cells.box = box;
  cells.rows = f.rows;
  cells.columns = f.columns;
  cells.values = map.values;
  cells.scale = scale;
  page.scene.add(std::move(cells));
  Rect frame{box};
  frame.stroke = Stroke{{map.marked ? style.ring : style.line}, map.marked ? 1.4 : 0.5};
  frame.role = map.marked ? "ring" : "frame";
  page.scene.add(frame);
}

}  // namespace

Result<Scene> draw_small_maps(const SmallMapsFigure& f, const Options& options) {
  HEADSCOPE_TRY(check(f));
  const Style style = make_style(options.theme, options.palette);
  const Caption caption{f.title, f.subtitle, f.text, f.provenance};
  const ColorScale scale = scale_of(f, style);
  const auto ticks = scale_ticks(scale, 5);
  const double bar = color_bar_width(style, ticks) + 12;
  const Places places = place(f, kWidth - 2 * style.margin - bar);
  const double maps = places.down * (places.height + kName + kGap);
  Page page = make_page(
      options, {kWidth, std::max(maps, 110.0) + height_of_words(caption, kWidth, style)}, caption);
  for (std::size_t i = 0; i < f.maps.size(); ++i) {
    const int column = static_cast<int>(i) % places.across,
              row = static_cast<int>(i) / places.across;
    draw_map(
        page, f, f.maps[i],
        {page.body.x + column * (places.width + kGap),
         page.body.y + kName + row * (places.height + kName + kGap), places.width, places.height},
        scale);
  }
  draw_color_bar(
      page,
      {page.body.right() - bar + 12, page.body.y + kName, 0, std::max(maps - kName - kGap, 90.0)},
      scale, f.value_name, ticks);
  return page.scene;
}

}  // namespace headscope::figure
