// Axes, legends and colour bars on a page.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/figure/page.h"
#include "core/figure/ticks.h"

namespace headscope::figure {

/// A quantity along one side of a plot; the label names its unit.
struct Axis {
  std::string label;
  double low = 0, high = 1;
  bool logarithmic = false;
  std::vector<Tick> ticks;

  /// 0 at `low`, 1 at `high`.
  double share(double value) const;
};

/// An area with two axes.
struct Plot {
  Box area;
  Axis x, y;

  double at_x(double value) const { return area.x + x.share(value) * area.width; }
  double at_y(double value) const { return area.bottom() - y.share(value) * area.height; }
  Point at(double x_value, double y_value) const { return {at_x(x_value), at_y(y_value)}; }
};

/// The part of `outer` that remains when both axes have room for their ticks and labels.
Box inside_axes(const Style& style, const Box& outer, const Axis& x, const Axis& y);

/// Ticks with labels and the axis' name. With `grid`, hairlines across the plot at y's ticks.
void draw_axes(Page& page, const Plot& plot, bool grid);

/// Shapes that tell curves apart without colour.
enum class Marker { none, disc, square, triangle, diamond };
Marker marker_of(int index);
void draw_marker(Page& page, Marker marker, Point centre, double radius, Rgb color, bool hollow);
/// A sign and what it means.
struct LegendEntry {
  enum class Key { line, swatch, ring } key = Key::line;
  std::string text{};
  Rgb color{};
  bool dashed = false;
  Marker marker = Marker::none;
  bool hollow = false;
};

/// Draws the entries from left to right, as many lines as needed, at the top of `area`; returns
/// what is left of it.
Box draw_legend(Page& page, const Box& area, const std::vector<LegendEntry>& entries);

/// A column of the scale's colours with ticks to its right.
void draw_color_bar(Page& page, const Box& column, const ColorScale& scale,
                    const std::string& label, const std::vector<Tick>& ticks);

/// Ticks of a colour scale, linear or logarithmic.
std::vector<Tick> scale_ticks(const ColorScale& scale, int wanted);

/// Width that a colour bar takes with its ticks and label.
double color_bar_width(const Style& style, const std::vector<Tick>& ticks);

/// Drops labels (not marks) that would come closer than `gap` points to the one before.
void thin_labels(std::vector<Tick>& ticks, const Axis& axis, double length, double size,
                 double gap);

}  // namespace headscope::figure
