#include "core/figure/attention_map.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/json_number.h"
#include "core/figure/axes.h"
#include "core/figure/type.h"

namespace headscope::figure {
namespace {

constexpr double kColumnsPerPoint = 3;  // as fine as the PNG's pixels
constexpr double kLowest = 1e-4;        // smallest weight that a logarithmic scale tells apart
constexpr double kLeastLow = 1e-8;      // of a logarithmic scale whose ends were chosen
constexpr double kStrip = 13;           // height of the strip of documents
constexpr double kWidestToken = 74;
constexpr std::int64_t kSinkTokens = 2;  // S0 = {0,1} of method.md

Result<> check(const AttentionFigure& f) {
  const std::int64_t rows =
      f.row_tokens.empty() ? f.rows() : static_cast<std::int64_t>(f.row_tokens.size());
  if (rows <= 0 || f.keys <= 0 || f.cell < 1) {
    return bad_input("attention: no response rows to draw (the response is empty)");
  }
  const bool drawable = !f.range || (std::isfinite(f.range->high) && f.range->low >= 0 &&
                                     f.range->low < f.range->high);
  if (!drawable)
    return bad_input("attention: the colours need two ends, 0 or more, low below high");
  const auto expected = static_cast<std::size_t>(rows * f.keys);
  if (f.weights.size() == expected) return {};
  return bad_input("attention: expected " + std::to_string(expected) + " weights (" +
                   std::to_string(rows) + " rows x " + std::to_string(f.keys) + " keys), found " +
                   std::to_string(f.weights.size()));
}

// Largest weight of the visible keys [begin, end) of a row; NaN when none is visible.
float pooled(const AttentionFigure& f, std::int64_t row, std::int64_t begin, std::int64_t end) {
  float largest = std::numeric_limits<float>::quiet_NaN();
  const std::int64_t last = f.first_row + (row + 1) * f.cell - 1;  // position of its last token
  const std::int64_t visible = f.causal ? std::min(end, (last - f.first_key) / f.cell + 1) : end;
  if (f.causal && last < f.first_key) return largest;
  for (std::int64_t key = begin; key < visible; ++key) {
    if (f.without_sink && f.first_key + key * f.cell < kSinkTokens) continue;
    const float v = f.weights[static_cast<std::size_t>(row * f.keys + key)];
    const bool larger = f.difference ? std::abs(largest) >= std::abs(v) : largest >= v;
    if (!larger) largest = v;
  }
  return largest;
}

float pooled(const AttentionFigure& f, std::int64_t first_row, std::int64_t last_row,
             std::int64_t begin, std::int64_t end) {
  float largest = std::numeric_limits<float>::quiet_NaN();
  for (std::int64_t row = first_row; row < last_row; ++row) {
    const float v = pooled(f, row, begin, end);
    if (std::isnan(v)) continue;
    if (std::isnan(largest) || std::abs(v) > std::abs(largest)) largest = v;
  }
  return largest;
}

double largest_of(const AttentionFigure& f) {
  double high = 1e-6;
  for (std::int64_t row = 0; row < f.rows(); ++row) {
    const auto largest = static_cast<double>(pooled(f, row, 0, f.keys));
    if (std::isfinite(largest)) high = std::max(high, std::abs(largest));
  }
  return high;
}

// 0.001 is meant where 0.0010000000475 is stored: it gets its tick.
double as_written(float value) {
  return json_number(value).get<double>();
}

ColorScale scale_of(const AttentionFigure& f, const Style& style) {
  const bool logarithmic = f.logarithmic && !f.per_row;
  ColorScale scale{style.sequential, 0, 1, logarithmic, style.page};
  if (f.per_row) {
    scale.low = f.difference ? -1 : 0;
    if (f.difference) scale.palette = style.diverging;
    return scale;
  }
  if (f.range) {
    scale.low = as_written(f.range->low);
    scale.high = as_written(f.range->high);
    if (logarithmic) scale.low = std::max(scale.low, kLeastLow);
  } else if (logarithmic) {
    scale.low = kLowest;
  } else {
    scale.high = largest_of(f);
  }
  if (!f.difference) return scale;
  scale.palette = style.diverging;
  if (logarithmic) scale.middle = scale.low;
  scale.low = -scale.high;
  return scale;
}

Cells make_cells(const AttentionFigure& f, const ColorScale& scale, const Box& area) {
  const auto at_most = [](std::int64_t count, double room) {
    const double most = std::max(1.0, room * kColumnsPerPoint);
    return std::min(count, static_cast<std::int64_t>(most));
  };
  const std::int64_t columns = at_most(f.keys, area.width), rows = at_most(f.rows(), area.height);
  Cells cells;
  cells.box = area;
  cells.rows = static_cast<int>(rows);
  cells.columns = static_cast<int>(columns);
  cells.scale = scale;
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t first = row * f.rows() / rows, last = (row + 1) * f.rows() / rows;
    const float most = f.per_row ? std::abs(pooled(f, first, last, 0, f.keys)) : 1.0f;
    for (std::int64_t c = 0; c < columns; ++c) {
      const float value = pooled(f, first, last, c * f.keys / columns, (c + 1) * f.keys / columns);
      cells.values.push_back(f.per_row && most > 0 ? value / most : value);
    }
  }
  return cells;
}

// Last key drawn, and one more.
std::int64_t keys_end(const AttentionFigure& f) {
  return f.first_key + f.keys * f.cell;
}

bool shows_response(const AttentionFigure& f) {
  return f.prompt_tokens > f.first_key && f.prompt_tokens < keys_end(f);
}

std::string scale_in_words(const AttentionFigure& f) {
  if (f.per_row) return ", as a share of the row's largest weight.";
  const char* kind = f.logarithmic ? ", logarithmic" : "";
  if (f.range) {
    const auto end = [](float value) { return shortest(static_cast<double>(value)); };
    const std::string from =
        f.difference && !f.logarithmic ? "up to " : "from " + end(f.range->low) + " to ";
    return kind + (", " + from + end(f.range->high)) + "; beyond, the colours of the ends.";
  }
  if (!f.logarithmic) return ".";
  return f.difference ? ", logarithmic, below 10⁻⁴ as nothing."
                      : ", logarithmic, below 10⁻⁴ as 10⁻⁴.";
}

Caption caption_of(const AttentionFigure& f) {
  Caption caption;
  caption.title = !f.title.empty() ? f.title
                                   : "Attention of layer " + std::to_string(f.head.layer) +
                                         ", head " + std::to_string(f.head.head);
  caption.subtitle = !f.title.empty() ? f.run
                     : f.square       ? "Queries × keys; " + f.run
                                : "Response rows (the token that is the input) × keys; " + f.run;
  caption.text =
      f.title.empty() ? "Colour: attention weight after the softmax" : "Colour: attention mass";
  if (f.difference) caption.text += ", intervened minus baseline, row by row in their order";
  caption.text += scale_in_words(f);
  if (f.without_sink) caption.text += " Keys 0 and 1, the attention sink, are left out.";
  if (!f.note.empty()) caption.text += " " + f.note;
  if (f.cell > 1) {
    const std::string cell = std::to_string(f.cell);
    caption.text += " A cell shows the largest of " + cell + " × " + cell + " weights.";
  }
  if (f.first_key > 0 || (f.square && f.first_row > 0))
    caption.text += " A part of the map is shown.";
  if (!f.documents.empty()) {
    caption.text += " Strip: the documents with their numbers";
    for (const KeyDocument& d : f.documents) {
      if (d.gold) caption.text += ", gold is " + std::to_string(d.number);
    }
    caption.text += ".";
  }
  if (shows_response(f)) caption.text += " The last vertical line: where the response begins.";
  caption.provenance = f.provenance;
  return caption;
}

// Row labels: as many as there is room for.
Axis row_axis(const AttentionFigure& f, const Style& style, double height) {
  Axis y;
  y.low = static_cast<double>(f.rows()) - 0.5;  // first row at the top
  y.high = -0.5;
  const double row_height = height / static_cast<double>(f.rows());
  const auto step = static_cast<std::int64_t>(std::ceil((style.tick_size + 1.2) / row_height));
  if (f.row_tokens.empty() || (f.square && step > 1)) {  // their text would be a random sample
    y.label = "Query (token position)";
    for (const Tick& tick :
         whole_ticks(static_cast<long>(f.first_row),
                     static_cast<long>(f.first_row + f.rows() * f.cell - 1), 8)) {
      y.ticks.push_back(
          {(tick.value - static_cast<double>(f.first_row) + 0.5) / static_cast<double>(f.cell) -
               0.5,
           tick.label});
    }
    return y;
  }
  for (std::int64_t row = 0; row < f.rows(); row += std::max<std::int64_t>(1, step)) {
    const std::string token = token_label(f.row_tokens[static_cast<std::size_t>(row)]);
    y.ticks.push_back({static_cast<double>(row), shortened(token, style.tick_size, kWidestToken)});
  }
  return y;
}

Axis key_axis(const AttentionFigure& f) {
  Axis x;
  x.label = "Key (" + f.key_unit + ")";
  x.low = static_cast<double>(f.first_key);
  x.high = static_cast<double>(keys_end(f));
  x.ticks = whole_ticks(static_cast<long>(f.first_key), static_cast<long>(keys_end(f) - 1), 8);
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

TokenRange visible_part(const AttentionFigure& f, TokenRange keys) {
  return {std::max(keys.begin, f.first_key), std::min(keys.end, keys_end(f))};
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
    const TokenRange shown = visible_part(f, d.keys);
    if (shown.size() == 0) continue;
    const double left = plot.at_x(static_cast<double>(shown.begin));
    const double right = plot.at_x(static_cast<double>(shown.end));
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
    const TokenRange shown = visible_part(f, d.keys);
    if (shown.size() == 0) continue;
    const double middle = plot.at_x(static_cast<double>(shown.begin + shown.end) / 2);
    const std::string number = std::to_string(d.number);
    const double half = text_width(number, style.tick_size, d.gold) / 2;
    const bool near_gold =
        !d.gold && middle + half + 2 > gold_left && middle - half - 2 < gold_right;
    const double room =
        plot.at_x(static_cast<double>(shown.end)) - plot.at_x(static_cast<double>(shown.begin));
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
  const Rgb color =
      f.difference ? page.style.muted : readable_on(palette_color(page.style.sequential, 0));
  for (const KeyDocument& d : f.documents) {
    if (d.gold || d.keys.begin < f.first_key || d.keys.begin >= keys_end(f)) continue;
    vertical(page, plot.at_x(static_cast<double>(d.keys.begin)), plot.area.y, plot.area.bottom(),
             color, 0.5, 0.3, "boundary");
  }
  if (!shows_response(f)) return;
  const double x = plot.at_x(static_cast<double>(f.prompt_tokens));
  vertical(page, x, plot.area.y - 2, plot.area.bottom(), page.style.ring, 1, 1, "response");
  double documents_end = plot.area.x;
  for (const KeyDocument& d : f.documents) {
    const std::int64_t end = visible_part(f, d.keys).end;
    if (end > f.first_key)
      documents_end = std::max(documents_end, plot.at_x(static_cast<double>(end)));
  }
  const double size = page.style.tick_size;
  if (plot.area.right() - documents_end < text_width("response", size) + 4) return;
  page.text({plot.area.right(), plot.area.y - kStrip / 2 - 2 + size * 0.36}, "response", size,
            page.style.ring, Anchor::end, "response");
}

// The keys' own text below the map, where there are few: reading upwards.
void draw_key_tokens(Page& page, const Plot& plot, const AttentionFigure& f) {
  const double size = page.style.tick_size;
  for (std::int64_t key = 0; key < f.keys; ++key) {
    const std::string token = token_label(f.key_tokens[static_cast<std::size_t>(key)]);
    Text text{{plot.at_x(static_cast<double>(f.first_key + key) + 0.5) + size * 0.36,
               plot.area.bottom() + 4},
              shortened(token, size, kWidestToken)};
    text.size = size;
    text.paint = {page.style.muted};
    text.anchor = Anchor::end;
    text.upwards = true;
    text.role = "key";
    page.scene.add(std::move(text));
  }
}

// Points that the keys' text takes below the map; 0 = it is not written.
double key_token_height(const AttentionFigure& f, const Style& style, double width) {
  const bool few = f.cell == 1 && static_cast<std::int64_t>(f.key_tokens.size()) == f.keys &&
                   static_cast<double>(f.keys) * (style.tick_size + 1) <= width;
  if (!few) return 0;
  double widest = 0;
  for (const std::string& token : f.key_tokens)
    widest = std::max(widest, text_width(token_label(token), style.tick_size));
  return std::min(widest, kWidestToken) + 6;
}

Size natural_size(const AttentionFigure& f, double key_tokens) {
  const auto rows = static_cast<double>(f.rows());
  const double map = f.square ? std::clamp(rows / static_cast<double>(f.keys) * 400, 80.0, 420.0)
                              : std::clamp(rows * 13, 80.0, 410.0);
  return {520, 150 + map + std::max(0.0, key_tokens - 14)};
}

// Documents and the response along the rows of a square map.
void draw_row_boundaries(Page& page, const Plot& plot, const AttentionFigure& f) {
  const auto line = [&](std::int64_t position, Rgb color, double width) {
    if (position <= f.first_row || position >= f.first_row + f.rows() * f.cell) return;
    const double y =
        plot.at_y(static_cast<double>(position - f.first_row) / static_cast<double>(f.cell) - 0.5);
    Path path;
    path.points = {{plot.area.x, y}, {plot.area.right(), y}};
    path.stroke = Stroke{{color, 0.7}, width};
    path.role = "boundary";
    page.scene.add(std::move(path));
  };
  for (const KeyDocument& d : f.documents) {
    if (!d.gold) continue;
    line(d.keys.begin, page.style.gold, 0.8);
    line(d.keys.end, page.style.gold, 0.8);
  }
  line(f.prompt_tokens, page.style.ring, 0.8);
}

}  // namespace

Result<Scene> draw_attention(const AttentionFigure& f, const Options& options) {
  HEADSCOPE_TRY(check(f));
  const Style style = make_style(options.theme, options.palette);
  const double tokens = key_token_height(f, style, 340);
  const Caption caption = caption_of(f);
  Page page = make_page(options, with_room_for(caption, natural_size(f, tokens), style), caption);
  Box outer = page.body;
  if (!f.documents.empty() || f.prompt_tokens > 0) {
    outer.y += kStrip + 2;
    outer.height -= kStrip + 2;
  }
  const ColorScale scale = scale_of(f, style);
  const auto bar_ticks = scale_ticks(scale, 5);
  outer.width -= color_bar_width(style, bar_ticks) + 12;
  Axis x = key_axis(f);
  if (tokens > 0) {
    outer.height -= tokens;
    x.label.clear();
    x.ticks.clear();
  }
  Plot plot{{}, x, row_axis(f, style, outer.height - 32)};
  plot.area = inside_axes(style, outer, plot.x, plot.y);
  plot.area.height = std::min(plot.area.height, static_cast<double>(f.rows()) * 22);
  plot.y = row_axis(f, style, plot.area.height);
  page.scene.add(make_cells(f, scale, plot.area));
  draw_boundaries(page, plot, f);
  if (f.square) draw_row_boundaries(page, plot, f);
  draw_strip(page, plot, f);
  draw_axes(page, plot, false);
  if (tokens > 0) draw_key_tokens(page, plot, f);
  draw_color_bar(page, {plot.area.right() + 12, plot.area.y, 0, plot.area.height}, scale,
                 f.difference ? "Change of weight"
                 : f.per_row  ? "Share of largest"
                              : f.value_name,
                 bar_ticks);
  return page.scene;
}

}  // namespace headscope::figure
