#include "core/figure/ranking.h"

#include <algorithm>
#include <cmath>

#include "core/figure/axes.h"
#include "core/figure/head_map.h"
#include "core/figure/type.h"

namespace headscope::figure {
namespace {

constexpr int kLogFrom = 60;           // more heads than this: ranks on a logarithmic axis
constexpr double kMarkerDistance = 4;  // points closer than this are a line without markers
constexpr double kListWidth = 84;      // the list of the best heads beside the plot
constexpr double kWideEnough = 330;    // pages narrower than this have no list

struct Ranked {
  HeadId id;
  double score = 0, low = 0, high = 0;
};

Result<std::vector<Ranked>> ranked(const RankingFigure& f) {
  const std::size_t cells = static_cast<std::size_t>(std::max(f.layers, 0)) *
                            static_cast<std::size_t>(std::max(f.heads, 0));
  const bool intervals = !f.low.empty() || !f.high.empty();
  if (f.scores.size() != cells ||
      (intervals && (f.low.size() != cells || f.high.size() != cells))) {
    return bad_input("ranking: expected " + std::to_string(cells) + " scores, found " +
                     std::to_string(f.scores.size()) + " (with intervals of " +
                     std::to_string(f.low.size()) + " and " + std::to_string(f.high.size()) + ")");
  }
  std::vector<Ranked> all;
  for (std::size_t i = 0; i < cells; ++i) {
    if (!std::isfinite(f.scores[i])) continue;
    const HeadId id{static_cast<int>(i) / f.heads, static_cast<int>(i) % f.heads};
    all.push_back(
        {id, f.scores[i], intervals ? f.low[i] : f.scores[i], intervals ? f.high[i] : f.scores[i]});
  }
  if (all.empty()) return bad_input("ranking: no head has a score");
  std::stable_sort(all.begin(), all.end(),
                   [](const Ranked& a, const Ranked& b) { return a.score > b.score; });
  return all;
}

Caption caption_of(const RankingFigure& f, std::size_t measured) {
  Caption caption;
  caption.title = "Heads by " + f.score_name;
  for (const double threshold : f.thresholds) {
    caption.subtitle +=
        (caption.subtitle.empty() ? "" : ", ") + std::to_string(count_above(f.scores, threshold)) +
        (caption.subtitle.empty() ? " of " + std::to_string(measured) + " query heads" : "") +
        " above " + shortest(threshold);
  }
  caption.text = "Every query head's " + f.score_name + ", best first.";
  if (!f.low.empty()) caption.text += " Bars: 95 % bootstrap interval.";
  caption.provenance = f.provenance;
  return caption;
}

Axis rank_axis(std::size_t count) {
  Axis x;
  x.label = "Rank of head";
  x.logarithmic = count > kLogFrom;
  x.low = x.logarithmic ? 0.88 : 0.4;
  x.high = static_cast<double>(count) * (x.logarithmic ? 1.08 : 1) + (x.logarithmic ? 0 : 0.6);
  if (!x.logarithmic) {
    x.ticks = whole_ticks(0, static_cast<long>(count), 8);
    if (!x.ticks.empty()) x.ticks.front() = {1, "1"};
    return x;
  }
  for (double power = 1; power <= x.high; power *= 10) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      if (factor * power <= x.high) x.ticks.push_back({factor * power, fixed(factor * power, 0)});
    }
  }
  return x;
}

Axis score_axis(const RankingFigure& f, const std::vector<Ranked>& all) {
  double top = all.front().score;
  double bottom = 0;
  for (const Ranked& head : all) {
    if (std::isfinite(head.high)) top = std::max(top, head.high);
    bottom = std::min(bottom, head.score);
  }
  for (const double threshold : f.thresholds) top = std::max(top, threshold);
  Axis y;
  y.label = capitalised(f.score_name);
  y.low = bottom;
  y.high = top * 1.06;
  y.ticks = linear_ticks(y.low, y.high, 5);
  return y;
}

void draw_thresholds(Page& page, const Plot& plot, const RankingFigure& f) {
  const Style& style = page.style;
  for (const double threshold : f.thresholds) {
    const double y = plot.at_y(threshold);
    Path line;
    line.points = {{plot.area.x, y}, {plot.area.right(), y}};
    line.stroke = Stroke{{style.ring}, 0.9, true};
    line.role = "threshold";
    page.scene.add(line);
    const std::string text =
        std::to_string(count_above(f.scores, threshold)) + " heads above " + shortest(threshold);
    page.text({plot.area.right() - 2, y - 3}, text, style.tick_size, style.ring, Anchor::end,
              "threshold");
  }
}

void draw_curve(Page& page, const Plot& plot, const std::vector<Ranked>& all, bool intervals) {
  const Style& style = page.style;
  Path curve;
  curve.stroke = Stroke{{style.accent}, 1.4};
  curve.role = "curve";
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double rank = static_cast<double>(i + 1);
    curve.points.push_back(plot.at(rank, all[i].score));
    if (!intervals || !std::isfinite(all[i].low) || !std::isfinite(all[i].high)) continue;
    Path bar;
    bar.points = {plot.at(rank, all[i].low), plot.at(rank, all[i].high)};
    bar.stroke = Stroke{{style.accent, 0.4}, 1};
    bar.role = "interval";
    page.scene.add(bar);
  }
  page.scene.add(curve);
  for (std::size_t i = 0; i < curve.points.size(); ++i) {
    if (i > 0 && curve.points[i].x - curve.points[i - 1].x < kMarkerDistance) break;
    draw_marker(page, Marker::disc, curve.points[i], 1.7, style.accent, false);
  }
}

// Rank, name and score of the best heads, in columns.
void list_heads(Page& page, const Box& column, const std::vector<Ranked>& all, int count) {
  const Style& style = page.style;
  const double size = style.tick_size, leading = size * 1.55;
  double y = column.y + size;
  page.text({column.x, y}, "Best heads", size, style.text, Anchor::start, "list");
  for (int i = 0; i < count && i < static_cast<int>(all.size()) && y + leading < column.bottom();
       ++i) {
    const Ranked& head = all[static_cast<std::size_t>(i)];
    y += leading;
    page.text({column.x + 9, y}, std::to_string(i + 1), size, style.muted, Anchor::end, "list");
    page.text({column.x + 15, y},
              "L" + std::to_string(head.id.layer) + " H" + std::to_string(head.id.head), size,
              style.text, Anchor::start, "head");
    page.text({column.right(), y}, fixed(head.score, 3), size, style.muted, Anchor::end, "list");
  }
}

}  // namespace

Result<Scene> draw_ranking(const RankingFigure& f, const Options& options) {
  HEADSCOPE_ASSIGN(const auto all, ranked(f));
  const Caption caption = caption_of(f, all.size());
  const Style style = make_style(options.theme, options.palette);
  Page page = make_page(options, with_room_for(caption, {468, 320}, style), caption);
  Plot plot{{}, rank_axis(all.size()), score_axis(f, all)};
  const bool lists = f.named > 0 && page.scene.width >= kWideEnough;
  Box outer = page.body;
  if (lists) outer.width -= kListWidth + 12;
  plot.area = inside_axes(page.style, outer, plot.x, plot.y);
  thin_labels(plot.x.ticks, plot.x, plot.area.width, page.style.tick_size, 5);
  draw_axes(page, plot, true);
  draw_thresholds(page, plot, f);
  draw_curve(page, plot, all, !f.low.empty());
  if (lists)
    list_heads(page, {page.body.right() - kListWidth, plot.area.y, kListWidth, plot.area.height},
               all, f.named);
  return page.scene;
}

}  // namespace headscope::figure
