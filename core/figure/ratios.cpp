#include "core/figure/ratios.h"

#include <algorithm>
#include <cmath>

#include "core/figure/axes.h"
#include "core/figure/type.h"

namespace headscope::figure {
namespace {

constexpr double kRow = 17, kMostName = 150;

Result<> check(const RatiosFigure& f) {
  if (f.ratios.empty()) return bad_input("ratios: '" + f.title + "' has nothing to draw");
  for (const Ratio& ratio : f.ratios) {
    for (const double value : {ratio.value, ratio.low, ratio.high}) {
      if (std::isfinite(value) && value > 0) continue;
      return bad_input("ratios: " + ratio.group + " " + ratio.name +
                       ": expected numbers above 0, found " + shortest(value));
    }
  }
  return {};
}

// Groups take a line of their own.
std::size_t lines_of(const RatiosFigure& f) {
  std::size_t lines = f.ratios.size();
  for (std::size_t i = 0; i < f.ratios.size(); ++i)
    lines += i == 0 || f.ratios[i].group != f.ratios[i - 1].group ? 1 : 0;
  return lines;
}

// From below the least to above the largest of all values, goals and 1.
Axis ratio_axis(const RatiosFigure& f) {
  double low = 1, high = 1;
  for (const Ratio& ratio : f.ratios) {
    low = std::min({low, ratio.low, ratio.goal ? ratio.goal->limit : low});
    high = std::max({high, ratio.high, ratio.goal ? ratio.goal->limit : high});
  }
  const double factor = std::pow(high / low, 0.05) * 1.05;
  Axis x;
  x.label = "Ratio";
  x.logarithmic = true;
  x.low = low / factor;
  x.high = high * factor;
  x.ticks = log_ticks(x.low, x.high, 6);
  return x;
}

void line(Page& page, Point from, Point to, Rgb color, double width, Role role) {
  Path path;
  path.points = {from, to};
  path.stroke = Stroke{{color}, width};
  path.role = role;
  page.scene.add(std::move(path));
}

void draw_ratio(Page& page, const Plot& plot, const Ratio& ratio, double y) {
  const Style& style = page.style;
  page.text({plot.area.x - 6, y + style.tick_size * 0.36},
            shortened(ratio.name, style.tick_size, kMostName), style.tick_size, style.text,
            Anchor::end, "name");
  line(page, {plot.area.x, y}, {plot.area.right(), y}, style.grid, 0.5, "grid");
  line(page, {plot.at_x(ratio.low), y}, {plot.at_x(ratio.high), y}, style.accent, 1.4, "spread");
  draw_marker(page, Marker::disc, {plot.at_x(ratio.value), y}, 2.8, style.accent, !ratio.met());
  if (ratio.goal) {
    const double x = plot.at_x(ratio.goal->limit), toward = ratio.goal->at_least ? 4 : -4;
    line(page, {x, y - kRow * 0.4}, {x, y + kRow * 0.4}, style.gold, 1.6, "goal");
    line(page, {x, y}, {x + toward, y}, style.gold, 1.6, "goal-side");
  }
  page.text({plot.area.right() + 6, y + style.tick_size * 0.36}, shortest(ratio.value),
            style.tick_size, style.text, Anchor::start, "value");
}

double widest_name(const RatiosFigure& f, const Style& style) {
  double width = 0;
  for (const Ratio& ratio : f.ratios)
    width = std::max({width, text_width(ratio.name, style.tick_size),
                      text_width(ratio.group, style.tick_size, true)});
  return std::min(width, kMostName);
}

}  // namespace

bool Ratio::met() const {
  return !goal || (goal->at_least ? value >= goal->limit : value <= goal->limit);
}

Result<Scene> draw_ratios(const RatiosFigure& f, const Options& options) {
  HEADSCOPE_TRY(check(f));
  const Style style = make_style(options.theme, options.palette);
  const Caption caption{f.title, f.subtitle, f.text, f.provenance};
  const double rows = static_cast<double>(lines_of(f)) * kRow;
  Page page = make_page(options, with_room_for(caption, {468, 150 + rows}, style), caption);
  const double names = widest_name(f, style) + 8;
  Plot plot{{}, ratio_axis(f), {}};
  plot.area = inside_axes(
      style, {page.body.x + names, page.body.y, page.body.width - names - 34, page.body.height},
      plot.x, plot.y);
  draw_axes(page, plot, false);
  line(page, plot.at(1, 0), plot.at(1, 1), style.muted, 0.8, "one");
  const double step = plot.area.height / static_cast<double>(lines_of(f));
  double y = plot.area.y + step / 2;
  for (std::size_t i = 0; i < f.ratios.size(); ++i) {
    const Ratio& ratio = f.ratios[i];
    if (i == 0 || ratio.group != f.ratios[i - 1].group) {
      Text group{{plot.area.x - 6, y + style.tick_size * 0.36},
                 shortened(ratio.group, style.tick_size, kMostName, true)};
      group.size = style.tick_size;
      group.paint = {style.text};
      group.anchor = Anchor::end;
      group.bold = true;
      group.role = "group";
      page.scene.add(std::move(group));
      y += step;
    }
    draw_ratio(page, plot, ratio, y);
    y += step;
  }
  return page.scene;
}

}  // namespace headscope::figure
