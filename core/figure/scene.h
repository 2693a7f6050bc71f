// A figure as plain values: laid out once, then written as PNG, SVG or PDF (core/figure/write.h).
// Lengths are points (1/72 inch), y grows downwards.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/figure/colour_maps.h"
#include "core/figure/colour_scale.h"

namespace headscope::figure {
/// In points (1/72 inch), y downwards.
struct Point {
  double x = 0, y = 0;
};
/// From its upper left corner.
struct Box {
  double x = 0, y = 0, width = 0, height = 0;

  double right() const { return x + width; }
  double bottom() const { return y + height; }
  double centre_x() const { return x + width / 2; }
  double centre_y() const { return y + height / 2; }
  Box inset(double margin) const {  ///< smaller on all four sides
    return {x + margin, y + margin, std::max(0.0, width - 2 * margin),
            std::max(0.0, height - 2 * margin)};
  }
};
/// A colour, 0 to 1 opaque.
struct Paint {
  Rgb color;
  double opacity = 1;
};

/// Length of a dash and of a gap, in widths of the line.
inline constexpr double kDash = 2.5;
/// A line as it is drawn; the width is in points.
struct Stroke {
  Paint paint{};
  double width = 1;
  bool dashed = false;
};
/// Which part of a text stands at its point.
enum class Anchor { start, middle, end };

/// What an item is for: the class attribute of SVG, by which tests and style sheets find it.
using Role = const char*;

/// One line of text; `at` lies on its baseline.
struct Text {
  Point at;
  std::string text;
  double size = 9;
  Paint paint{};
  Anchor anchor = Anchor::start;
  bool bold = false;
  bool upwards = false;  ///< rotated, reading from bottom to top
  Role role = "label";
};

/// A polyline or polygon.
struct Path {
  std::vector<Point> points;
  std::optional<Stroke> stroke{};
  std::optional<Paint> fill{};
  bool closed = false;
  Role role = "line";
};
/// A rectangle; nothing of it is drawn without stroke and fill.
struct Rect {
  Box box;
  std::optional<Stroke> stroke{};
  std::optional<Paint> fill{};
  Role role = "mark";
};
/// A circle.
struct Disc {
  Point centre;
  double radius = 2;
  std::optional<Stroke> stroke{};
  std::optional<Paint> fill{};
  Role role = "marker";
};

/// A grid of values, row-major from the top left, coloured by `scale`. With a gap between cells it
/// is drawn cell by cell, else as one picture.
struct Cells {
  Box box;
  int rows = 0, columns = 0;
  std::vector<float> values;
  ColorScale scale;
  double gap = 0;
  Role role = "cell";
  /// Of one cell.
  Rgb color(int row, int column) const {
    return scale.color(values[static_cast<std::size_t>(row) * columns + column]);
  }
  /// Place of a cell without its gap.
  Box cell(int row, int column) const {
    const double width = box.width / columns, height = box.height / rows;
    return {box.x + column * width + gap / 2, box.y + row * height + gap / 2, width - gap,
            height - gap};
  }
};

using Item = std::variant<Path, Rect, Disc, Cells, Text>;

/// One page. Items are drawn in order.
struct Scene {
  double width = 0, height = 0;
  double magnification = 0;  ///< page units per point; 0 = 1 for SVG and PDF, 3 for PNG
  Rgb background{1, 1, 1};
  std::string title;        ///< for readers who do not see the picture, and for search
  std::string description;  ///< the whole caption
  std::vector<Item> items;

  template <class T>
  void add(T item) {  ///< on top of what is there
    items.emplace_back(std::move(item));
  }
};

}  // namespace headscope::figure
