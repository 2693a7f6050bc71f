#include "core/figure/axes.h"

#include <algorithm>
#include <cmath>

#include "core/figure/type.h"

namespace headscope::figure {
namespace {

constexpr double kTickLength = 3;
constexpr double kTickGap = 2.5;  // between a tick and its label
constexpr double kLabelGap = 5;   // between tick labels and the axis' name
constexpr double kBarWidth = 9;

double widest_label(const std::vector<Tick>& ticks, double size) {
  double width = 0;
  for (const Tick& tick : ticks) width = std::max(width, text_width(tick.label, size));
  return width;
}

Path line_between(Point a, Point b, Rgb color, double width, Role role) {
  Path path;
  path.points = {a, b};
  path.stroke = Stroke{{color}, width};
  path.role = role;
  return path;
}

void upwards(Page& page, Point at, const std::string& text, double size, Rgb color) {
  Text item{at, text};
  item.size = size;
  item.paint = {color};
  item.anchor = Anchor::middle;
  item.upwards = true;
  item.role = "axis";
  page.scene.add(std::move(item));
}

void draw_left(Page& page, const Plot& plot) {
  const Style& style = page.style;
  const Box& area = plot.area;
  page.scene.add(
      line_between({area.x, area.y}, {area.x, area.bottom()}, style.line, 0.75, "axis-line"));
  for (const Tick& tick : plot.y.ticks) {
    const double y = plot.at_y(tick.value);
    page.scene.add(
        line_between({area.x - kTickLength, y}, {area.x, y}, style.line, 0.75, "tick-mark"));
    if (tick.label.empty()) continue;
    page.text({area.x - kTickLength - kTickGap, y + style.tick_size * 0.36}, tick.label,
              style.tick_size, style.muted, Anchor::end, "tick");
  }
  if (plot.y.label.empty()) return;
  const double left = area.x - kTickLength - kTickGap - widest_label(plot.y.ticks, style.tick_size);
  const double size = style.label_size;
  upwards(page, {left - kLabelGap, area.centre_y()},
          shortened(plot.y.label, size, area.height * 1.15), size, style.text);
}

void draw_bottom(Page& page, const Plot& plot) {
  const Style& style = page.style;
  const Box& area = plot.area;
  const double bottom = area.bottom();
  page.scene.add(
      line_between({area.x, bottom}, {area.right(), bottom}, style.line, 0.75, "axis-line"));
  for (const Tick& tick : plot.x.ticks) {
    const double x = plot.at_x(tick.value);
    page.scene.add(
        line_between({x, bottom}, {x, bottom + kTickLength}, style.line, 0.75, "tick-mark"));
    if (tick.label.empty()) continue;
    page.text({x, bottom + kTickLength + kTickGap + style.tick_size * 0.8}, tick.label,
              style.tick_size, style.muted, Anchor::middle, "tick");
  }
  if (plot.x.label.empty()) return;
  const double y =
      bottom + kTickLength + kTickGap + style.tick_size + kLabelGap + style.label_size * 0.75;
  page.text({area.centre_x(), y}, plot.x.label, style.label_size, style.text, Anchor::middle,
            "axis");
}

}  // namespace

double Axis::share(double value) const {
  const auto place = [this](double v) { return logarithmic ? std::log(std::max(v, 1e-300)) : v; };
  const double range = place(high) - place(low);
  return range == 0 ? 0.5 : (place(value) - place(low)) / range;
}

Box inside_axes(const Style& style, const Box& outer, const Axis& x, const Axis& y) {
  double left = kTickLength + kTickGap + widest_label(y.ticks, style.tick_size);
  if (!y.label.empty()) left += kLabelGap + style.label_size;
  double below = kTickLength + kTickGap + style.tick_size;
  if (!x.label.empty()) below += kLabelGap + style.label_size;
  const double half_last =
      x.ticks.empty() ? 0 : text_width(x.ticks.back().label, style.tick_size) / 2;
  const double above = y.ticks.empty() ? 0 : style.tick_size / 2;
  return {outer.x + left, outer.y + above, std::max(1.0, outer.width - left - half_last),
          std::max(1.0, outer.height - below - above)};
}

void draw_axes(Page& page, const Plot& plot, bool grid) {
  if (grid) {
    for (const Tick& tick : plot.y.ticks) {
      const double y = plot.at_y(tick.value);
      page.scene.add(
          line_between({plot.area.x, y}, {plot.area.right(), y}, page.style.grid, 0.6, "grid"));
    }
  }
  draw_left(page, plot);
  draw_bottom(page, plot);
}

Marker marker_of(int index) {
  return static_cast<Marker>(1 + index % 4);
}

void draw_marker(Page& page, Marker marker, Point c, double r, Rgb color, bool hollow) {
  const Stroke stroke{{color}, 1.1};
  const Paint fill{hollow ? page.style.page : color};
  if (marker == Marker::none) return;
  if (marker == Marker::disc) {
    page.scene.add(Disc{c, r, stroke, fill});
    return;
  }
  Path path;
  path.closed = true;
  path.stroke = stroke;
  path.fill = fill;
  path.role = "marker";
  const double s = r * 0.92, d = r * 1.25;
  if (marker == Marker::square) {
    path.points = {{c.x - s, c.y - s}, {c.x + s, c.y - s}, {c.x + s, c.y + s}, {c.x - s, c.y + s}};
  } else if (marker == Marker::triangle) {
    path.points = {{c.x, c.y - d}, {c.x + d, c.y + r * 0.85}, {c.x - d, c.y + r * 0.85}};
  } else {
    path.points = {{c.x, c.y - d}, {c.x + d, c.y}, {c.x, c.y + d}, {c.x - d, c.y}};
  }
  page.scene.add(std::move(path));
}

Box draw_legend(Page& page, const Box& area, const std::vector<LegendEntry>& entries) {
  constexpr double key_width = 17, key_gap = 4, entry_gap = 13;
  const double size = page.style.tick_size + 0.3, leading = size * 1.65;
  double x = area.x, y = area.y + size;
  for (const LegendEntry& entry : entries) {
    const double key = entry.key == LegendEntry::Key::line ? key_width : size;
    const double width = key + key_gap + text_width(entry.text, size);
    if (x > area.x && x + width > area.right()) {
      x = area.x;
      y += leading;
    }
    const double middle = y - size * 0.35;
    if (entry.key == LegendEntry::Key::line) {
      Path line = line_between({x, middle}, {x + key, middle}, entry.color, 1.5, "legend");
      line.stroke->dashed = entry.dashed;
      page.scene.add(std::move(line));
      draw_marker(page, entry.marker, {x + key / 2, middle}, 2.3, entry.color, entry.hollow);
    } else {
      Rect rect{{x, middle - size / 2 + 0.5, size - 1, size - 1}};
      rect.role = "legend";
      if (entry.key == LegendEntry::Key::ring)
        rect.stroke = Stroke{{entry.color}, 1.5};
      else
        rect.fill = Paint{entry.color};
      page.scene.add(rect);
    }
    page.text({x + key + key_gap, y}, entry.text, size, page.style.text, Anchor::start, "legend");
    x += width + entry_gap;
  }
  if (entries.empty()) return area;
  const double used = y + 9 - area.y;
  return {area.x, area.y + used, area.width, std::max(1.0, area.height - used)};
}

std::vector<Tick> scale_ticks(const ColorScale& scale, int wanted) {
  if (scale.both_ways()) {
    std::vector<Tick> ticks;
    for (const Tick& tick : log_ticks(scale.middle, scale.high, (wanted + 1) / 2)) {
      if (scale.position(tick.value) <= 0.5) continue;
      ticks.push_back({-tick.value, "−" + tick.label});
      ticks.push_back(tick);
    }
    ticks.push_back({0, "0"});
    return ticks;
  }
  const double low = std::min(scale.low, scale.high), high = std::max(scale.low, scale.high);
  return scale.logarithmic ? log_ticks(low, high, wanted) : linear_ticks(low, high, wanted);
}

double color_bar_width(const Style& style, const std::vector<Tick>& ticks) {
  return kBarWidth + kTickLength + kTickGap + widest_label(ticks, style.tick_size) + kLabelGap +
         style.label_size;
}

void draw_color_bar(Page& page, const Box& column, const ColorScale& scale,
                    const std::string& label, const std::vector<Tick>& ticks) {
  constexpr int steps = 256;
  const Style& style = page.style;
  Cells cells{{column.x, column.y, kBarWidth, column.height}, steps, 1, {}, {}, 0, "color-bar"};
  cells.scale = {scale.palette, 0, 1, false, scale.missing};
  for (int i = 0; i < steps; ++i) cells.values.push_back(1 - static_cast<float>(i) / (steps - 1));
  page.scene.add(std::move(cells));
  const double right = column.x + kBarWidth;
  for (const Tick& tick : ticks) {
    const double y = column.bottom() - scale.position(tick.value) * column.height;
    page.scene.add(
        line_between({right, y}, {right + kTickLength, y}, style.line, 0.75, "tick-mark"));
    page.text({right + kTickLength + kTickGap, y + style.tick_size * 0.36}, tick.label,
              style.tick_size, style.muted, Anchor::start, "tick");
  }
  const double x = right + kTickLength + kTickGap + widest_label(ticks, style.tick_size) +
                   kLabelGap + style.label_size * 0.75;
  upwards(page, {x, column.centre_y()}, shortened(label, style.label_size, column.height * 1.15),
          style.label_size, style.text);
}

void thin_labels(std::vector<Tick>& ticks, const Axis& axis, double length, double size,
                 double gap) {
  double end = -1e9;
  for (Tick& tick : ticks) {
    const double half = text_width(tick.label, size) / 2, centre = axis.share(tick.value) * length;
    if (centre - half < end + gap) {
      tick.label.clear();
    } else {
      end = centre + half;
    }
  }
}

}  // namespace headscope::figure
