#include "core/figure/groups.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/figure/axes.h"
#include "core/figure/type.h"

namespace headscope::figure {
namespace {

constexpr double kDotRadius = 1.6;
constexpr double kHalfWidth = 0.34;  // of a group's place, that dots may fill

// Dots of a group, moved sideways just so far that they do not hide each other (a beeswarm).
std::vector<Point> swarm(const Plot& plot, std::size_t group, const std::vector<double>& values) {
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const double centre = plot.at_x(static_cast<double>(group));
  const double reach = plot.at_x(static_cast<double>(group) + kHalfWidth) - centre;
  const double apart = kDotRadius * 1.9;
  std::vector<Point> placed;
  for (const double value : sorted) {
    if (!std::isfinite(value)) continue;
    const double y = plot.at_y(value);
    double best = 0;
    for (double shift = 0; shift <= reach; shift += apart / 2) {
      const auto is_free = [&](double x) {
        return std::none_of(placed.rbegin(), placed.rend(),
                            [&](const Point& p) { return std::hypot(p.x - x, p.y - y) < apart; });
      };
      if (is_free(centre + shift)) {
        best = shift;
        break;
      }
      if (is_free(centre - shift)) {
        best = -shift;
        break;
      }
    }
    placed.push_back({centre + best, y});
  }
  return placed;
}

void draw_mean(Page& page, const Plot& plot, std::size_t group, const ValueGroup& g) {
  const Style& style = page.style;
  const double x = plot.at_x(static_cast<double>(group) + kHalfWidth + 0.06);
  if (!std::isfinite(g.mean)) return;
  Path bar;
  bar.points = {{x, plot.at_y(g.low)}, {x, plot.at_y(g.high)}};
  bar.stroke = Stroke{{style.text}, 1.4};
  bar.role = "interval";
  if (std::isfinite(g.low) && std::isfinite(g.high)) page.scene.add(std::move(bar));
  draw_marker(page, Marker::diamond, {x, plot.at_y(g.mean)}, 2.6, style.text, false);
  page.text({x + 6, plot.at_y(g.mean) + style.tick_size * 0.36}, fixed(g.mean, 3), style.tick_size,
            style.text, Anchor::start, "mean");
}

Axis value_axis(const GroupsFigure& f) {
  double low = 0, high = -std::numeric_limits<double>::infinity();
  for (const ValueGroup& group : f.groups) {
    for (const double value : group.values) {
      if (!std::isfinite(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  Axis y;
  y.label = f.y_label;
  y.low = low < 0 ? low * 1.05 : 0;
  y.high = high > y.low ? high + (high - y.low) * 0.06 : y.low + 1;
  y.ticks = linear_ticks(y.low, y.high, 5);
  return y;
}

}  // namespace

Result<Scene> draw_groups(const GroupsFigure& f, const Options& options) {
  const auto has_values = [](const ValueGroup& g) { return !g.values.empty(); };
  if (std::none_of(f.groups.begin(), f.groups.end(), has_values)) {
    return bad_input("groups: '" + f.title + "' has no values to draw");
  }
  Page page = make_page(options, {440, 310}, {f.title, f.subtitle, f.text, f.provenance});
  Plot plot{
      {}, {f.x_label, -0.6, static_cast<double>(f.groups.size()) - 0.3, false, {}}, value_axis(f)};
  for (std::size_t i = 0; i < f.groups.size(); ++i) {
    plot.x.ticks.push_back({static_cast<double>(i), f.groups[i].name + ", n = " +
                                                        std::to_string(f.groups[i].values.size())});
  }
  plot.area = inside_axes(page.style, page.body, plot.x, plot.y);
  draw_axes(page, plot, true);
  for (std::size_t i = 0; i < f.groups.size(); ++i) {
    const Rgb color = page.style.series[i % page.style.series.size()];
    for (const Point& centre : swarm(plot, i, f.groups[i].values)) {
      Disc dot{centre, kDotRadius};
      dot.fill = Paint{color, 0.6};
      dot.role = "dot";
      page.scene.add(dot);
    }
    draw_mean(page, plot, i, f.groups[i]);
  }
  return page.scene;
}

}  // namespace headscope::figure
