#include "core/figure/value_grid.h"

#include <algorithm>
#include <cmath>

#include "core/figure/axes.h"
#include "core/figure/type.h"

namespace headscope::figure {
namespace {

constexpr double kCellWidth = 46, kCellHeight = 21;
constexpr double kLeastHalfRange = 0.05;  // so that noise does not look like an effect

Result<> check(const ValueGridFigure& f) {
  const std::size_t cells = f.rows.size() * f.columns.size();
  if (f.values.size() != cells || (!f.marked.empty() && f.marked.size() != cells)) {
    return bad_input("value grid '" + f.title + "': expected " + std::to_string(cells) +
                     " values, found " + std::to_string(f.values.size()));
  }
  const auto measured = [](double value) { return std::isfinite(value); };
  if (std::none_of(f.values.begin(), f.values.end(), measured)) {
    return bad_input("value grid '" + f.title + "' has no values to draw");
  }
  return {};
}

ColorScale scale_of(const ValueGridFigure& f, const Style& style) {
  ColorScale scale;
  scale.missing = style.missing;
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const double value : f.values) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (std::isfinite(f.centre)) {
    const double half = std::max({high - f.centre, f.centre - low, kLeastHalfRange});
    scale.palette = style.diverging;
    scale.low = -half;
    scale.high = half;
    return scale;
  }
  scale.palette = style.sequential;
  scale.low = low;
  scale.high = high > low ? high : low + 1;
  return scale;
}

Axis name_axis(const std::string& label, const std::vector<std::string>& names) {
  Axis axis;
  axis.label = label;
  axis.low = -0.5;
  axis.high = static_cast<double>(names.size()) - 0.5;
  for (std::size_t i = 0; i < names.size(); ++i) {
    axis.ticks.push_back({static_cast<double>(i), names[i]});
  }
  return axis;
}

void print_values(Page& page, const Cells& cells, const ValueGridFigure& f) {
  const Box first = cells.cell(0, 0);
  const double size = std::min({8.0, first.height * 0.55, first.width * 0.27});
  for (int row = 0; row < cells.rows; ++row) {
    for (int column = 0; column < cells.columns; ++column) {
      const std::size_t at =
          static_cast<std::size_t>(row) * f.columns.size() + static_cast<std::size_t>(column);
      if (!std::isfinite(f.values[at])) continue;
      const bool star = !f.marked.empty() && f.marked[at];
      const Box box = cells.cell(row, column);
      Text item{{box.centre_x(), box.centre_y() + size * 0.36},
                fixed(f.values[at], f.decimals) + (star ? "*" : "")};
      item.size = size;
      item.paint = {readable_on(cells.color(row, column))};
      item.anchor = Anchor::middle;
      item.bold = star;
      item.role = "value";
      page.scene.add(std::move(item));
    }
  }
}

Cells cells_of(const ValueGridFigure& f, const Box& grid, const ColorScale& scale) {
  Cells cells;
  cells.box = grid;
  cells.rows = static_cast<int>(f.rows.size());
  cells.columns = static_cast<int>(f.columns.size());
  cells.scale = scale;
  cells.gap = 0.7;
  const double centre = std::isfinite(f.centre) ? f.centre : 0;
  for (const double value : f.values) cells.values.push_back(static_cast<float>(value - centre));
  return cells;
}

}  // namespace

Result<Scene> draw_value_grid(const ValueGridFigure& f, const Options& options) {
  HEADSCOPE_TRY(check(f));
  const Caption caption{f.title, f.subtitle, f.text, f.provenance};
  const double width =
      std::clamp(150 + kCellWidth * static_cast<double>(f.columns.size()), 420.0, 640.0);
  const double drawing =
      std::clamp(40 + kCellHeight * static_cast<double>(f.rows.size()), 125.0, 420.0);
  const double words = height_of_words(caption, width, make_style(options.theme, options.palette));
  Page page = make_page(options, {width, drawing + words}, caption);
  const ColorScale scale = scale_of(f, page.style);
  const auto bar_ticks = scale_ticks(scale, 5);
  Box outer = page.body;
  outer.width -= color_bar_width(page.style, bar_ticks) + 12;
  const Axis x = name_axis(f.x_label, f.columns);
  Axis y = name_axis(f.y_label, f.rows);
  const Box grid = inside_axes(page.style, outer, x, y);
  std::swap(y.low, y.high);  // the first row is the topmost
  const Cells cells = cells_of(f, grid, scale);
  page.scene.add(cells);
  draw_axes(page, {grid, x, y}, false);
  print_values(page, cells, f);
  draw_color_bar(page, {grid.right() + 12, grid.y, 0, grid.height}, scale, f.value_label,
                 bar_ticks);
  return page.scene;
}

}  // namespace headscope::figure
