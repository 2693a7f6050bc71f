#include "core/figure/curves.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/figure/axes.h"
#include "core/figure/type.h"

namespace headscope::figure {
namespace {

constexpr double kPanelGap = 20;
constexpr double kLevelGap = 4;
constexpr std::size_t kMostBands = 3;  // more intervals than this are bars beside each other
constexpr double kDodge = 2.3;         // points between the bars of neighbouring curves, ...
constexpr double kMostDodge = 12;      // ... less where all of them would spread further

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void include(double v) {
    if (!std::isfinite(v)) return;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  bool empty() const { return !(low <= high); }
};

Axis x_axis(const Panel& panel) {
  Range range;
  std::set<double> places(panel.x_ticks.begin(), panel.x_ticks.end());
  for (const Curve& curve : panel.curves) {
    for (const CurvePoint& point : curve.points) {
      range.include(point.x);
      if (panel.x_ticks.empty()) places.insert(point.x);
    }
  }
  for (const double tick : panel.x_ticks) range.include(tick);
  Axis x;
  x.label = panel.x_label;
  x.logarithmic = panel.logarithmic && range.low > 0;
  if (range.empty()) range = {0, 1};
  const double pad = range.high > range.low ? (range.high - range.low) * 0.04 : 0.5;
  const double factor = range.high > range.low ? std::pow(range.high / range.low, 0.04) : 1.5;
  x.low = x.logarithmic ? range.low / factor : range.low - pad;
  x.high = x.logarithmic ? range.high * factor : range.high + pad;
  for (const double place : places) x.ticks.push_back({place, shortest(place)});
  return x;
}

Axis y_axis(const Panel& panel) {
  Range range;
  for (const Curve& curve : panel.curves) {
    for (const CurvePoint& point : curve.points) {
      for (const double v : {point.y, point.low, point.high}) range.include(v);
    }
  }
  for (const Level& level : panel.levels) {
    for (const double v : {level.y, level.low, level.high}) range.include(v);
  }
  Axis y;
  y.label = panel.y_label;
  if (panel.logarithmic_y && range.low > 0 && !range.empty()) {
    const double factor = std::max(1.2, std::pow(range.high / range.low, 0.06));
    y.logarithmic = true;
    y.low = range.low / factor;
    y.high = range.high * factor;
    y.ticks = log_ticks(y.low, y.high, 5);
    return y;
  }
  if (range.empty()) range = {0, 1};
  const double pad = std::max(1e-6, (range.high - range.low) * 0.06);
  y.low = std::isfinite(panel.y_low) ? panel.y_low : range.low - pad;
  y.high = std::isfinite(panel.y_high) ? panel.y_high : range.high + pad;
  y.ticks = linear_ticks(y.low, y.high, 5);
  return y;
}

// Colours and markers by curve: the same in every panel.
struct Looks {
  const CurvesFigure& figure;
  const Style& style;
  int colors = 0;

  Looks(const CurvesFigure& f, const Style& s) : figure(f), style(s) {
    for (const Panel& panel : f.panels) {
      for (const Curve& curve : panel.curves) colors = std::max(colors, curve.color + 1);
    }
  }
  Rgb color(const Curve& curve) const {
    if (figure.ordered) return style.ordered(curve.color, colors);
    return style.series[static_cast<std::size_t>(curve.color) % style.series.size()];
  }
};

void draw_band(Page& page, const Plot& plot, const Curve& curve, Rgb color) {
  Path band;
  band.closed = true;
  band.fill = Paint{color, curve.control ? 0.07 : 0.14};
  band.role = "interval";
  for (const CurvePoint& p : curve.points) {
    if (std::isfinite(p.high) && std::isfinite(p.low)) band.points.push_back(plot.at(p.x, p.high));
  }
  for (auto p = curve.points.rbegin(); p != curve.points.rend(); ++p) {
    if (std::isfinite(p->high) && std::isfinite(p->low))
      band.points.push_back(plot.at(p->x, p->low));
  }
  if (band.points.size() >= 4) page.scene.add(std::move(band));
}

void draw_bars(Page& page, const Plot& plot, const Curve& curve, Rgb color, double shift) {
  for (const CurvePoint& p : curve.points) {
    if (!std::isfinite(p.high) || !std::isfinite(p.low)) continue;
    const double x = plot.at_x(p.x) + shift;
    Path bar;
    bar.points = {{x, plot.at_y(p.low)}, {x, plot.at_y(p.high)}};
    bar.stroke = Stroke{{color, 0.55}, 0.9};
    bar.role = "interval";
    page.scene.add(std::move(bar));
  }
}

void draw_curve(Page& page, const Plot& plot, const Curve& curve, Rgb color, double shift) {
  Path line;
  line.stroke = Stroke{{color}, curve.control ? 1.0 : 1.5, curve.control};
  line.role = curve.control ? "control" : "curve";
  for (const CurvePoint& p : curve.points) {
    if (!std::isfinite(p.y)) continue;
    const Point at = plot.at(p.x, p.y);
    line.points.push_back({at.x + shift, at.y});
  }
  page.scene.add(line);
  std::size_t i = 0;
  for (const CurvePoint& p : curve.points) {
    if (!std::isfinite(p.y)) continue;
    const bool hollow = curve.control || (curve.tested && !p.significant);
    draw_marker(page, marker_of(curve.color), line.points[i++], curve.control ? 1.8 : 2.2, color,
                hollow);
  }
}

double level_width(const Panel& panel, const Style& style) {
  double width = 0;
  for (const Level& level : panel.levels) {
    if (level.name.empty()) continue;
    width = std::max(width, text_width(level.name + " " + fixed(level.y, 2), style.tick_size));
  }
  return width > 0 ? width + kLevelGap : 0;
}

// Names keep a line's distance from each other; the topmost keeps its place.
void draw_levels(Page& page, const Plot& plot, const Panel& panel) {
  const Style& style = page.style;
  std::vector<Level> levels = panel.levels;
  std::stable_sort(levels.begin(), levels.end(),
                   [](const Level& a, const Level& b) { return a.y > b.y; });
  double last = -1e9;
  for (const Level& level : levels) {
    if (!std::isfinite(level.y)) continue;
    const double y = plot.at_y(level.y);
    Path line;
    line.points = {{plot.area.x, y}, {plot.area.right(), y}};
    line.stroke = Stroke{{style.muted, 0.75}, 0.8};
    line.role = "level";
    page.scene.add(line);
    if (level.name.empty()) continue;
    const double baseline = std::max(y + style.tick_size * 0.36, last + style.tick_size * 1.1);
    page.text({plot.area.right() + kLevelGap, baseline}, level.name + " " + fixed(level.y, 2),
              style.tick_size, style.muted, Anchor::start, "level");
    last = baseline;
  }
}

// The panel's title, where it has one, at the top of `outer`; returns the rest.
Box draw_panel_title(Page& page, const Panel& panel, const Box& outer) {
  if (panel.title.empty()) return outer;
  const double size = page.style.label_size;
  Text title{{outer.x, outer.y + size}, shortened(panel.title, size, outer.width, true)};
  title.size = size;
  title.paint = {page.style.text};
  title.bold = true;
  title.role = "panel-title";
  page.scene.add(std::move(title));
  const double used = size + 8;
  return {outer.x, outer.y + used, outer.width, std::max(1.0, outer.height - used)};
}

void draw_panel(Page& page, const Panel& panel, const Looks& looks, const Box& place) {
  Box outer = draw_panel_title(page, panel, place);
  outer.width -= level_width(panel, page.style);
  Plot plot{{}, x_axis(panel), y_axis(panel)};
  plot.area = inside_axes(page.style, outer, plot.x, plot.y);
  thin_labels(plot.x.ticks, plot.x, plot.area.width, page.style.tick_size, 4);
  draw_axes(page, plot, true);
  draw_levels(page, plot, panel);
  const bool bands = panel.curves.size() <= kMostBands;
  const double last = static_cast<double>(panel.curves.size()) - 1;
  const double dodge = bands ? 0 : std::min(kDodge, kMostDodge / last);
  const auto shift_of = [&](std::size_t i) { return (static_cast<double>(i) - last / 2) * dodge; };
  for (std::size_t i = 0; i < panel.curves.size(); ++i) {
    const Curve& curve = panel.curves[i];
    if (bands) draw_band(page, plot, curve, looks.color(curve));
    if (!bands) draw_bars(page, plot, curve, looks.color(curve), shift_of(i));
  }
  for (const bool control : {true, false}) {
    for (std::size_t i = 0; i < panel.curves.size(); ++i) {
      const Curve& curve = panel.curves[i];
      if (curve.control != control) continue;
      draw_curve(page, plot, curve, looks.color(curve), shift_of(i));
    }
  }
}

std::vector<LegendEntry> legend_of(const CurvesFigure& figure, const Looks& looks) {
  std::vector<LegendEntry> entries;
  std::set<std::string> seen;
  for (const Panel& panel : figure.panels) {
    for (const Curve& curve : panel.curves) {
      if (!seen.insert(curve.name).second) continue;
      entries.push_back({LegendEntry::Key::line, curve.name, looks.color(curve), curve.control,
                         marker_of(curve.color), curve.control});
    }
  }
  return entries;
}

bool has_points(const Panel& panel) {
  return std::any_of(panel.curves.begin(), panel.curves.end(),
                     [](const Curve& c) { return !c.points.empty(); });
}

}  // namespace

Result<Scene> draw_curves(const CurvesFigure& figure, const Options& options) {
  if (!std::any_of(figure.panels.begin(), figure.panels.end(), has_points)) {
    return bad_input("curves: '" + figure.title + "' has no points to draw");
  }
  const std::size_t panels = figure.panels.size();
  const Size natural{panels > 2 ? 720.0 : (panels > 1 ? 540.0 : 468.0), panels > 1 ? 300.0 : 340.0};
  Page page =
      make_page(options, natural, {figure.title, figure.subtitle, figure.text, figure.provenance});
  const Looks looks(figure, page.style);
  const Box body = draw_legend(page, page.body, legend_of(figure, looks));
  const auto count = static_cast<double>(figure.panels.size());
  const double width = (body.width - kPanelGap * (count - 1)) / count;
  for (std::size_t i = 0; i < figure.panels.size(); ++i) {
    const double x = body.x + static_cast<double>(i) * (width + kPanelGap);
    draw_panel(page, figure.panels[i], looks, {x, body.y, width, body.height});
  }
  return page.scene;
}

}  // namespace headscope::figure
