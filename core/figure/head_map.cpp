#include "core/figure/head_map.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/figure/axes.h"
#include "core/figure/type.h"

namespace headscope::figure {
namespace {

constexpr double kLeastGapCell = 5;  // smaller cells touch each other
constexpr double kLeastNumberedCell = 11;

bool inside(const HeadMapFigure& f, HeadId id) {
  return id.layer >= 0 && id.layer < f.layers && id.head >= 0 && id.head < f.heads;
}

Result<> check(const HeadMapFigure& f) {
  if (f.layers <= 0 || f.heads <= 0) return bad_input("head map: no layers or no heads");
  const std::size_t cells = static_cast<std::size_t>(f.layers) * static_cast<std::size_t>(f.heads);
  if (!f.scores.empty() && f.scores.size() != cells) {
    return bad_input("head map: expected " + std::to_string(cells) + " scores, found " +
                     std::to_string(f.scores.size()));
  }
  for (const HeadId id : f.ranking) {
    if (inside(f, id)) continue;
    return bad_input("head map: layer " + std::to_string(id.layer) + " head " +
                     std::to_string(id.head) + " is not in a model of " + std::to_string(f.layers) +
                     " layers with " + std::to_string(f.heads) + " heads");
  }
  if (f.scores.empty() && f.ranking.empty())
    return bad_input("head map: neither scores nor a ranking");
  return {};
}

std::vector<float> ranks(const HeadMapFigure& f) {
  std::vector<float> values(static_cast<std::size_t>(f.layers) * f.heads,
                            std::numeric_limits<float>::quiet_NaN());
  for (std::size_t i = f.ranking.size(); i-- > 0;) {
    const HeadId id = f.ranking[i];
    values[static_cast<std::size_t>(id.layer) * f.heads + id.head] = static_cast<float>(i + 1);
  }
  return values;
}

ColorScale scale_of(const HeadMapFigure& f, const Style& style) {
  ColorScale scale;
  scale.palette = style.sequential;
  scale.missing = style.missing;
  if (f.scores.empty()) {
    scale.low = static_cast<double>(std::max<std::size_t>(2, f.ranking.size()));
    scale.high = 1;
    scale.logarithmic = true;
    return scale;
  }
  double largest = 0;
  for (const float v : f.scores) {
    if (std::isfinite(v)) largest = std::max(largest, static_cast<double>(std::abs(v)));
  }
  scale.high = largest > 0 ? largest : 1;
  const bool below = std::any_of(f.scores.begin(), f.scores.end(), [](float v) { return v < 0; });
  if (f.difference || below) {
    scale.low = -scale.high;
    scale.palette = style.diverging;
  }
  return scale;
}

std::string subtitle_of(const HeadMapFigure& f) {
  const std::string all = std::to_string(f.layers * f.heads);
  if (f.scores.empty()) return "Rank of each of " + all + " query heads by " + f.score_name;
  if (f.difference) return "Intervened minus baseline, " + all + " query heads";
  const bool share = f.score_name.find("score") != std::string::npos ||
                     f.score_name.find("mass") != std::string::npos;
  if (!share) return all + " query heads";
  return std::to_string(count_above(f.scores, 0.1)) + " of " + all + " query heads above 0.1, " +
         std::to_string(count_above(f.scores, 0.2)) + " above 0.2";
}

Caption caption_of(const HeadMapFigure& f, int outlined) {
  Caption caption;
  caption.title = capitalised(f.score_name) +
                  (f.difference ? ": what the intervention changes" : " of every head");
  caption.subtitle = subtitle_of(f);
  caption.text = f.scores.empty()
                     ? "Colour: rank among all heads, 1 is the highest " + f.score_name + "."
                     : "Colour: " + f.score_name + " of the query head.";
  if (!f.scores.empty() && f.score_name == "contextual score") {
    caption.text +=
        " It is the attention mass of the response rows on the gold document, averaged over rows "
        "and samples.";
  }
  if (outlined > 0)
    caption.text +=
        " Outlined: " + (f.outlined_what.empty()
                             ? "the top " + std::to_string(outlined) +
                                   " heads, numbered by rank where there is room."
                             : f.outlined_what + ", numbered in their order where there is room.");
  caption.provenance = f.provenance;
  return caption;
}

Size natural_size(const HeadMapFigure& f) {
  const double cell = std::clamp(390.0 / f.heads, 5.0, 34.0);
  const double width = std::clamp(f.heads * cell + 118, 380.0, 620.0);
  const double height = f.layers * std::min(cell, (width - 118) / f.heads) + 150;
  return {width, std::clamp(height, 240.0, 760.0)};
}

// Cells as square as they can be, aligned to half points so that their edges are sharp.
Box grid_box(const Box& room, const HeadMapFigure& f) {
  double w = room.width / f.heads, h = room.height / f.layers;
  w = std::min(w, h * 1.8);
  h = std::min(h, w * 1.3);
  const auto sharp = [](double v) { return v > kLeastGapCell ? std::floor(v * 2) / 2 : v; };
  return {room.x, room.y, sharp(w) * f.heads, sharp(h) * f.layers};
}

Axis index_axis(const std::string& label, int count, double cell, double label_room) {
  Axis axis;
  axis.label = label;
  axis.low = -0.5;
  axis.high = count - 0.5;
  const int most = std::max(1, static_cast<int>(count * cell / label_room));
  axis.ticks = whole_ticks(0, count - 1, most);
  return axis;
}

void outline(Page& page, const Cells& cells, const HeadMapFigure& f, int count) {
  const Box first = cells.cell(0, 0);
  const double width = std::clamp(std::min(first.width, first.height) * 0.12, 0.5, 1.7);
  const bool numbered = std::min(first.width, first.height) >= kLeastNumberedCell;
  for (int i = 0; i < count; ++i) {
    const HeadId id = f.ranking[static_cast<std::size_t>(i)];
    const Box box = cells.cell(id.layer, id.head);
    Rect halo{box.inset(-width * 0.5)};
    halo.stroke = Stroke{{page.style.page}, width * 2};
    halo.role = "halo";
    page.scene.add(halo);
    Rect ring = halo;
    ring.stroke = Stroke{{page.style.ring}, width};
    ring.role = "ring";
    page.scene.add(ring);
    if (!numbered) continue;
    const double size = std::min(7.5, std::min(box.height * 0.62, box.width * 0.5));
    page.text({box.centre_x(), box.centre_y() + size * 0.36}, std::to_string(i + 1), size,
              readable_on(cells.color(id.layer, id.head)), Anchor::middle, "rank");
  }
}

Cells make_cells(const HeadMapFigure& f, const Style& style, const Box& grid) {
  Cells cells;
  cells.box = grid;
  cells.rows = f.layers;
  cells.columns = f.heads;
  cells.values = f.scores.empty() ? ranks(f) : f.scores;
  cells.scale = scale_of(f, style);
  const double cell = std::min(grid.width / f.heads, grid.height / f.layers);
  cells.gap = cell >= kLeastGapCell ? std::min(0.7, cell * 0.08) : 0;
  return cells;
}

}  // namespace

int count_above(const std::vector<float>& scores, double threshold) {
  return static_cast<int>(
      std::count_if(scores.begin(), scores.end(), [=](float v) { return v > threshold; }));
}

HeadId shape_of_ranking(const std::vector<HeadId>& ranking) {
  HeadId shape;
  for (const HeadId id : ranking) {
    shape.layer = std::max(shape.layer, id.layer + 1);
    shape.head = std::max(shape.head, id.head + 1);
  }
  return shape;
}

Result<Scene> draw_head_map(const HeadMapFigure& f, const Options& options) {
  HEADSCOPE_TRY(check(f));
  const int outlined = std::clamp(f.outlined, 0, static_cast<int>(f.ranking.size()));
  const Caption caption = caption_of(f, outlined);
  const Style style = make_style(options.theme, options.palette);
  Page page = make_page(options, with_room_for(caption, natural_size(f), style), caption);
  const ColorScale scale = scale_of(f, style);
  const auto bar_ticks = scale_ticks(scale, 5);
  Box outer = page.body;
  outer.width -= color_bar_width(style, bar_ticks) + 12;

  Axis x = index_axis("Query head", f.heads, outer.width / f.heads, 16);
  Axis y = index_axis("Layer", f.layers, outer.height / f.layers, 14);
  const Box grid = grid_box(inside_axes(style, outer, x, y), f);
  x = index_axis("Query head", f.heads, grid.width / f.heads, 16);
  y = index_axis("Layer", f.layers, grid.height / f.layers, 14);
  std::swap(y.low, y.high);  // layer 0 at the top, as in the window

  const Cells cells = make_cells(f, style, grid);
  page.scene.add(cells);
  draw_axes(page, {grid, x, y}, false);
  outline(page, cells, f, outlined);
  const std::string bar_label = f.scores.empty() ? "Rank"
                                : f.difference   ? "Change of " + f.score_name
                                                 : capitalised(f.score_name);
  draw_color_bar(page, {grid.right() + 12, grid.y, 0, grid.height}, scale, bar_label, bar_ticks);
  return page.scene;
}

}  // namespace headscope::figure
