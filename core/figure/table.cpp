#include "core/figure/table.h"

#include <algorithm>

#include "core/figure/type.h"

namespace headscope::figure {
namespace {

constexpr double kRowHeight = 22, kLineHeight = 15, kNameGap = 12, kLeastColumn = 46;
constexpr double kMostName = 170;

Result<> check(const TableFigure& f) {
  if (f.rows.empty()) return bad_input("table '" + f.title + "' has no rows");
  for (const TableRow& row : f.rows) {
    if (row.names.size() == f.name_columns.size() && row.cells.size() == f.columns.size()) continue;
    return bad_input("table '" + f.title + "': a row has " + std::to_string(row.names.size()) +
                     " names and " + std::to_string(row.cells.size()) + " cells, expected " +
                     std::to_string(f.name_columns.size()) + " and " +
                     std::to_string(f.columns.size()));
  }
  return {};
}

bool has_intervals(const TableFigure& f) {
  for (const TableRow& row : f.rows) {
    for (const TableCell& cell : row.cells)
      if (!cell.below.empty()) return true;
  }
  return false;
}

// Left edges of the columns of names, and where the numbers begin.
std::vector<double> name_edges(const TableFigure& f, const Style& style) {
  std::vector<double> edges{0};
  for (std::size_t i = 0; i < f.name_columns.size(); ++i) {
    double width = text_width(f.name_columns[i], style.tick_size, true);
    for (const TableRow& row : f.rows) {
      width = std::max(width, text_width(row.names[i], style.tick_size, i == 0));
    }
    edges.push_back(edges.back() + std::min(width, kMostName) + kNameGap);
  }
  return edges;
}

double column_width(const TableFigure& f, const Style& style) {
  double width = kLeastColumn;
  for (const std::string& column : f.columns) {
    width = std::max(width, text_width(column, style.tick_size, true) + 10);
  }
  for (const TableRow& row : f.rows) {
    for (const TableCell& cell : row.cells) {
      width = std::max(width, text_width(cell.below, style.caption_size) + 10);
      width = std::max(width, text_width(cell.text, style.label_size, cell.bold) + 10);
    }
  }
  return width;
}

void rule(Page& page, double y, double x, double right, double width) {
  Path line;
  line.points = {{x, y}, {right, y}};
  line.stroke = Stroke{{page.style.line}, width};
  line.role = "rule";
  page.scene.add(std::move(line));
}

void words(Page& page, Point at, const std::string& text, double size, Rgb color, Anchor anchor,
           bool bold, Role role) {
  if (text.empty()) return;
  Text item{at, text};
  item.size = size;
  item.paint = {color};
  item.anchor = anchor;
  item.bold = bold;
  item.role = role;
  page.scene.add(std::move(item));
}

struct Layout {
  Box body;
  std::vector<double> edges;  // of names, from body.x
  double column = 0, row = 0;

  double name_x(std::size_t i) const { return body.x + edges[i]; }
  double column_x(std::size_t i) const {
    return body.x + edges.back() + (static_cast<double>(i) + 0.5) * column;
  }
  double right(const TableFigure& f) const {
    return body.x + edges.back() + static_cast<double>(f.columns.size()) * column;
  }
};

double draw_head(Page& page, const TableFigure& f, const Layout& layout, double y) {
  const Style& style = page.style;
  rule(page, y, layout.body.x, layout.right(f), 1.1);
  if (!f.column_unit.empty()) {
    y += kLineHeight;
    const double middle = (layout.body.x + layout.edges.back() + layout.right(f)) / 2;
    words(page, {middle, y - 4}, f.column_unit, style.tick_size, style.muted, Anchor::middle, false,
          "unit");
  }
  y += kLineHeight;
  for (std::size_t i = 0; i < f.name_columns.size(); ++i) {
    words(page, {layout.name_x(i), y - 4}, f.name_columns[i], style.tick_size, style.text,
          Anchor::start, true, "column");
  }
  for (std::size_t i = 0; i < f.columns.size(); ++i) {
    words(page, {layout.column_x(i), y - 4}, f.columns[i], style.tick_size, style.text,
          Anchor::middle, true, "column");
  }
  rule(page, y, layout.body.x, layout.right(f), 0.7);
  return y;
}

void draw_row(Page& page, const TableFigure& f, const TableRow& row, const Layout& layout,
              double y) {
  const Style& style = page.style;
  const double line = y + style.label_size + 1.5;
  for (std::size_t i = 0; i < row.names.size(); ++i) {
    const double room = layout.edges[i + 1] - layout.edges[i] - kNameGap + 1;
    words(page, {layout.name_x(i), line}, shortened(row.names[i], style.tick_size, room, i == 0),
          style.tick_size, style.text, Anchor::start, i == 0, "name");
  }
  for (std::size_t i = 0; i < f.columns.size(); ++i) {
    const TableCell& cell = row.cells[i];
    words(page, {layout.column_x(i), line}, cell.text, style.label_size, style.text, Anchor::middle,
          cell.bold, "value");
    words(page, {layout.column_x(i), line + style.caption_size + 1.5}, cell.below,
          style.caption_size, style.muted, Anchor::middle, false, "interval");
  }
}

}  // namespace

Result<Scene> draw_table(const TableFigure& f, const Options& options) {
  HEADSCOPE_TRY(check(f));
  const Style style = make_style(options.theme, options.palette);
  Layout layout;
  layout.edges = name_edges(f, style);
  layout.column = column_width(f, style);
  layout.row = has_intervals(f) ? kRowHeight : kLineHeight;
  const double table_width =
      layout.edges.back() + static_cast<double>(f.columns.size()) * layout.column;
  const double width = std::max(360.0, table_width + 2 * style.margin);
  const double table_height = (f.column_unit.empty() ? 1 : 2) * kLineHeight +
                              static_cast<double>(f.rows.size()) * layout.row;
  const Caption caption{f.title, f.subtitle, f.text, f.provenance};
  Page page = make_page(options, {width, table_height + height_of_words(caption, width, style) + 4},
                        caption);
  layout.body = page.body;
  double y = draw_head(page, f, layout, page.body.y);
  for (const TableRow& row : f.rows) {
    if (row.rule_above && &row != &f.rows.front()) {
      rule(page, y, layout.body.x, layout.right(f), 0.5);
    }
    draw_row(page, f, row, layout, y);
    y += layout.row;
  }
  rule(page, y + 1, layout.body.x, layout.right(f), 1.1);
  return page.scene;
}

}  // namespace headscope::figure
