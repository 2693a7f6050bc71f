#include "core/figure/timeline.h"

#include <algorithm>

#include "core/figure/axes.h"
#include "core/figure/type.h"

namespace headscope::figure {
namespace {

constexpr double kWidth = 520, kRow = 15, kGap = 3, kLabelGap = 6, kLegend = 22, kAxis = 36;
constexpr double kLeastBar = 0.4;  // points: shorter work is still seen

// Milliseconds where seconds would be all zeros.
Axis time_axis(double seconds, double& unit) {
  unit = seconds < 1 ? 1e-3 : 1;
  Axis axis;
  axis.label = unit < 1 ? "Time (ms)" : "Time (s)";
  axis.high = seconds / unit;
  axis.ticks = linear_ticks(0, axis.high, 6);
  return axis;
}

void draw_bar(Page& page, const TimelineBar& bar, const Box& place) {
  const Style& style = page.style;
  const Rgb color = style.series[static_cast<std::size_t>(bar.color) % style.series.size()];
  Rect rect{place};
  rect.role = bar.hollow ? "reused" : "span";
  if (bar.hollow) {
    rect.stroke = Stroke{{color}, 0.8, true};
  } else {
    rect.fill = Paint{color};
  }
  page.scene.add(rect);
  if (text_width(bar.name, style.tick_size) + 4 > place.width) return;
  page.text({place.x + 2, place.bottom() - place.height * 0.28}, bar.name, style.tick_size,
            bar.hollow ? style.text : readable_on(color));
}

void draw_row(Page& page, const TimelineRow& row, const Plot& plot, Box place, double unit) {
  page.text({plot.area.x - kLabelGap, place.y + place.height * 0.68}, row.label,
            page.style.tick_size, page.style.text, Anchor::end);
  for (const TimelineBar& bar : row.bars) {
    const double low = std::max(0.0, bar.begin / unit),
                 high = std::min(plot.x.high, (bar.begin + bar.seconds) / unit);
    if (low > plot.x.high || high < 0) continue;
    const double left = plot.at_x(low), width = std::max(kLeastBar, plot.at_x(high) - left);
    draw_bar(page, bar, {left, place.y + kGap / 2, width, place.height - kGap});
  }
}

}  // namespace

Result<Scene> draw_timeline(const TimelineFigure& figure, const Options& options) {
  if (figure.rows.empty() || !(figure.seconds > 0))
    return bad_input("timeline: there is nothing to draw");
  Caption caption;
  caption.title = figure.title;
  caption.subtitle = figure.subtitle;
  caption.text = figure.text;
  caption.provenance = figure.provenance;
  const double words = height_of_words(caption, kWidth, make_style(options.theme, options.palette));
  Page page = make_page(
      options, {kWidth, words + kLegend + kAxis + kRow * double(figure.rows.size())}, caption);
  std::vector<LegendEntry> legend;
  for (std::size_t i = 0; i < figure.legend.size(); ++i) {
    legend.push_back({LegendEntry::Key::swatch, figure.legend[i],
                      page.style.series[i % page.style.series.size()]});
  }
  Box area = draw_legend(page, page.body, legend);
  double labels = 0, unit = 1;
  for (const TimelineRow& row : figure.rows)
    labels = std::max(labels, text_width(row.label, page.style.tick_size));
  Plot plot{{}, time_axis(figure.seconds, unit), {}};
  area.x += labels + kLabelGap;
  area.width -= labels + kLabelGap;
  plot.area = inside_axes(page.style, area, plot.x, plot.y);
  draw_axes(page, plot, false);
  const double row_height = std::min(kRow, plot.area.height / double(figure.rows.size()));
  for (std::size_t i = 0; i < figure.rows.size(); ++i) {
    draw_row(page, figure.rows[i], plot,
             {plot.area.x, plot.area.y + row_height * double(i), plot.area.width, row_height},
             unit);
  }
  return std::move(page.scene);
}

}  // namespace headscope::figure
