#include "core/figure/attention_map.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/figure/axes.h"
#include "core/figure/type.h"

namespace headscope::figure {
namespace {

constexpr double kColumnsPerPoint = 3;  // as fine as the PNG's pixels
constexpr double kLowest = 1e-4;        // smallest weight that a logarithmic scale tells apart
constexpr double kStrip = 13;           // height of the strip of documents
constexpr double kWidestToken = 74;

std::int64_t row_count(const AttentionFigure& f) {
  return static_cast<std::int64_t>(f.row_tokens.size());
}

Result<> check(const AttentionFigure& f) {
  if (f.row_tokens.empty() || f.keys <= 0) {
    return bad_input("attention: no response rows to draw (the response is empty)");
  }
  const auto expected = static_cast<std::size_t>(row_count(f) * f.keys);
  if (f.weights.size() == expected) return {};
  return bad_input("attention: expected " + std::to_string(expected) + " weights (" +
                   std::to_string(row_count(f)) + " rows x " + std::to_string(f.keys) +
                   " keys), found " + std::to_string(f.weights.size()));
}

// Largest weight of the visible keys [begin, end) of a row; NaN when none is visible.
float pooled(const AttentionFigure& f, std::int64_t row, std::int64_t begin, std::int64_t end) {
  float largest = std::numeric_limits<float>::quiet_NaN();
  const std::int64_t visible = std::min(end, f.first_row + row + 1);
  for (std::int64_t key = begin; key < visible; ++key) {
    const float v = f.weights[static_cast<std::size_t>(row * f.keys + key)];
    if (!(largest >= v)) largest = v;
  }
  return largest;
}

Cells make_cells(const AttentionFigure& f, const Style& style, const Box& area) {
  const auto most = static_cast<std::int64_t>(std::max(1.0, area.width * kColumnsPerPoint));
  const std::int64_t columns = std::min(f.keys, most);
  Cells cells;
  cells.box = area;
  cells.rows = static_cast<int>(row_count(f));
  cells.columns = static_cast<int>(columns);
  for (std::int64_t row = 0; row < row_count(f); ++row) {
    for (std::int64_t c = 0; c < columns; ++c) {
      cells.values.push_back(pooled(f, row, c * f.keys / columns, (c + 1) * f.keys / columns));
    }
  }
  cells.scale = {style.sequential, 0, 1, f.logarithmic, style.page};
  if (f.logarithmic) {
    cells.scale.low = kLowest;
  } else {
    cells.scale.high = 1e-6;
    for (const float v : cells.values) {
      if (std::isfinite(v)) cells.scale.high = std::max(cells.scale.high, static_cast<double>(v));
    }
  }
  return cells;
}

Caption caption_of(const AttentionFigure& f) {
  Caption caption;
  caption.title = "Attention of layer " + std::to_string(f.head.layer) + ", head " +
                  std::to_string(f.head.head);
  caption.subtitle = "Response rows (the token that is the input) × keys; " + f.run;
  caption.text = "Colour: attention weight after the softmax";
  caption.text += f.logarithmic ? ", logarithmic, below 10⁻⁴ as 10⁻⁴." : ".";
  if (!f.documents.empty()) {
    caption.text += " Strip: the documents with their numbers";
    for (const KeyDocument& d : f.documents) {
      if (d.gold) caption.text += ", gold is " + std::to_string(d.number);
    }
    caption.text += ".";
  }
  if (f.prompt_tokens > 0 && f.prompt_tokens < f.keys)
    caption.text += " The last vertical line: where the response begins.";
  caption.provenance = f.provenance;
  return caption;
}

// Row labels: as many as there is room for.
Axis row_axis(const AttentionFigure& f, const Style& style, double height) {
  Axis y;
  y.low = static_cast<double>(row_count(f)) - 0.5;  // first row at the top
  y.high = -0.5;
  const double row_height = height / static_cast<double>(row_count(f));
  const auto step = static_cast<std::int64_t>(std::ceil((style.tick_size + 1.2) / row_height));
  for (std::int64_t row = 0; row < row_count(f); row += std::max<std::int64_t>(1, step)) {
    const std::string token = token_label(f.row_tokens[static_cast<std::size_t>(row)]);
    y.ticks.push_back({static_cast<double>(row), shortened(token, style.tick_size, kWidestToken)});
  }
  return y;
}

Axis key_axis(const AttentionFigure& f) {
  Axis x;
  x.label = "Key (token position)";
  x.high = static_cast<double>(f.keys);
  x.ticks = whole_ticks(0, static_cast<long>(f.keys - 1), 8);
  for (Tick& tick : x.ticks) tick.value += 0.5;  // the middle of its key
  return x;
}

void vertical(Page& page, double x, double top, double bottom, Rgb color, double width,
              double opacity, Role role) {
  Path line;
  line.points = {{x, top}, {x, bottom}};
  line.stroke = Stroke{{color, opacity}, width};
  line.role = role;
  page.scene.add(line);
}

// The strip above the map: a box a document, its number where it fits.
void draw_strip(Page& page, const Plot& plot, const AttentionFigure& f) {
  const Style& style = page.style;
  const double top = plot.area.y - kStrip - 2;
  double last = -1e9;  // right end of the last number
  std::vector<KeyDocument> ordered = f.documents;
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const auto& a, const auto& b) { return a.gold > b.gold; });
  double gold_left = 1e9, gold_right = -1e9;
  for (const KeyDocument& d : f.documents) {
    const double left = plot.at_x(static_cast<double>(d.keys.begin));
    const double right = plot.at_x(static_cast<double>(d.keys.end));
    Rect box{{left + 0.4, top, std::max(0.6, right - left - 0.8), kStrip}};
    box.fill = Paint{d.gold ? style.gold : style.grid};
    box.role = "document";
    page.scene.add(box);
    if (!d.gold) continue;
    gold_left = std::min(gold_left, left);
    gold_right = std::max(gold_right, right);
    for (const double x : {left, right}) {
      vertical(page, x, plot.area.y - 2, plot.area.bottom(), style.gold, 1.1, 1, "gold");
    }
  }
  for (const KeyDocument& d : ordered) {
    const double middle = plot.at_x(static_cast<double>(d.keys.begin + d.keys.end) / 2);
    const std::string number = std::to_string(d.number);
    const double half = text_width(number, style.tick_size, d.gold) / 2;
    const bool near_gold =
        !d.gold && middle + half + 2 > gold_left && middle - half - 2 < gold_right;
    const double room =
        plot.at_x(static_cast<double>(d.keys.end)) - plot.at_x(static_cast<double>(d.keys.begin));
    if (!d.gold && (middle - half < last + 2 || (near_gold && room < 2 * half))) continue;
    Text text{{middle, top + kStrip / 2 + style.tick_size * 0.36}, number};
    text.size = style.tick_size;
    text.paint = {d.gold ? readable_on(style.gold) : style.text};
    text.anchor = Anchor::middle;
    text.bold = d.gold;
    text.role = "document";
    page.scene.add(text);
    if (!d.gold) last = middle + half;
  }
}

void draw_boundaries(Page& page, const Plot& plot, const AttentionFigure& f) {
  const Rgb color = readable_on(palette_color(page.style.sequential, 0));
  for (const KeyDocument& d : f.documents) {
    if (d.gold) continue;
    vertical(page, plot.at_x(static_cast<double>(d.keys.begin)), plot.area.y, plot.area.bottom(),
             color, 0.5, 0.3, "boundary");
  }
  if (f.prompt_tokens <= 0 || f.prompt_tokens >= f.keys) return;
  const double x = plot.at_x(static_cast<double>(f.prompt_tokens));
  vertical(page, x, plot.area.y - 2, plot.area.bottom(), page.style.ring, 1, 1, "response");
  double documents_end = plot.area.x;
  for (const KeyDocument& d : f.documents) {
    documents_end = std::max(documents_end, plot.at_x(static_cast<double>(d.keys.end)));
  }
  const double size = page.style.tick_size;
  if (plot.area.right() - documents_end < text_width("response", size) + 4) return;
  page.text({plot.area.right(), plot.area.y - kStrip / 2 - 2 + size * 0.36}, "response", size,
            page.style.ring, Anchor::end, "response");
}

}  // namespace

Result<Scene> draw_attention(const AttentionFigure& f, const Options& options) {
  HEADSCOPE_TRY(check(f));
  const double rows = static_cast<double>(row_count(f));
  Page page = make_page(options, {520, std::clamp(150 + rows * 13, 230.0, 560.0)}, caption_of(f));
  const Style& style = page.style;
  Box outer = page.body;
  if (!f.documents.empty() || f.prompt_tokens > 0) {
    outer.y += kStrip + 2;
    outer.height -= kStrip + 2;
  }
  const ColorScale sample = make_cells(f, style, {0, 0, 1, 1}).scale;
  const auto bar_ticks = scale_ticks(sample, 5);
  outer.width -= color_bar_width(style, bar_ticks) + 12;
  Plot plot{{}, key_axis(f), row_axis(f, style, outer.height - 32)};
  plot.area = inside_axes(style, outer, plot.x, plot.y);
  plot.area.height = std::min(plot.area.height, rows * 22);
  plot.y = row_axis(f, style, plot.area.height);
  const Cells cells = make_cells(f, style, plot.area);
  page.scene.add(cells);
  draw_boundaries(page, plot, f);
  draw_strip(page, plot, f);
  draw_axes(page, plot, false);
  draw_color_bar(page, {plot.area.right() + 12, plot.area.y, 0, plot.area.height}, cells.scale,
                 "Attention weight", bar_ticks);
  return page.scene;
}

}  // namespace headscope::figure
