#include "core/figure/ranking.h"

#include <algorithm>
#include <cmath>

#include "core/figure/axes.h"
#include "core/figure/head_map.h"
#include "core/figure/type.h"

namespace headscope::figure {
namespace {

constexpr int kLogFrom = 60;      // more heads than this: ranks on a logarithmic axis
constexpr int kMostMarkers = 120; // the curve of more heads is a line with markers at the top alone

struct Ranked {
  HeadId id;
  double score = 0, low = 0, high = 0;
};

Result<std::vector<Ranked>> ranked(const RankingFigure& f) {
  const std::size_t cells = static_cast<std::size_t>(std::max(f.layers, 0)) *
                            static_cast<std::size_t>(std::max(f.heads, 0));
  const bool intervals = !f.low.empty() || !f.high.empty();
  if (f.scores.size() != cells || (intervals && (f.low.size() != cells || f.high.size() != cells))) {
    return bad_input("ranking: expected " + std::to_string(cells) + " scores, found " +
                     std::to_string(f.scores.size()) + " (with intervals of " +
                     std::to_string(f.low.size()) + " and " + std::to_string(f.high.size()) + ")");
  }
  std::vector<Ranked> all;
  for (std::size_t i = 0; i < cells; ++i) {
    if (!std::isfinite(f.scores[i])) continue;
    const HeadId id{static_cast<int>(i) / f.heads, static_cast<int>(i) % f.heads};
    all.push_back({id, f.scores[i], intervals ? f.low[i] : f.scores[i], intervals ? f.high[i] : f.scores[i]});
  }
  if (all.empty()) return bad_input("ranking: no head has a score");
  std::stable_sort(all.begin(), all.end(), [](const Ranked& a, const Ranked& b) { return a.score > b.score; });
  return all;
}

Caption caption_of(const RankingFigure& f, std::size_t measured) {
  Caption caption;
  caption.title = "Heads by " + f.score_name;
  for (const double threshold : f.thresholds) {
    caption.subtitle += (caption.subtitle.empty() ? "" : ", ") + std::to_string(count_above(f.scores, threshold)) +
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
  y.label = f.score_name;
  y.label[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(y.label[0])));
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
    const std::string text = std::to_string(count_above(f.scores, threshold)) + " heads above " + shortest(threshold);
    page.text({plot.area.right() - 2, y - 3}, text, style.tick_size, style.ring, Anchor::end, "threshold");
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
  const std::size_t markers = std::min<std::size_t>(all.size(), kMostMarkers);
  for (std::size_t i = 0; i < markers; ++i) {
    draw_marker(page, Marker::disc, plot.at(static_cast<double>(i + 1), all[i].score), 1.7, style.accent, false);
  }
}

// Names beside the first points, each at least a line below the one before.
void name_heads(Page& page, const Plot& plot, const std::vector<Ranked>& all, int count) {
  const Style& style = page.style;
  const double size = style.tick_size, bottom = plot.area.bottom() - 4;
  double last = plot.area.y - size;
  for (int i = 0; i < count && i < static_cast<int>(all.size()); ++i) {
    const Ranked& head = all[static_cast<std::size_t>(i)];
    const Point at = plot.at(i + 1.0, head.score);
    const double y = at.y + size * 0.36;
    if (y < last + size * 1.05) continue;
    if (y > bottom) break;
    const std::string name = "L" + std::to_string(head.id.layer) + " H" + std::to_string(head.id.head);
    page.text({at.x + 5, y - 2}, name, size, style.text, Anchor::start, "head");
    last = y;
  }
}

}  // namespace

Result<Scene> draw_ranking(const RankingFigure& f, const Options& options) {
  HEADSCOPE_ASSIGN(const auto all, ranked(f));
  Page page = make_page(options, {468, 320}, caption_of(f, all.size()));
  Plot plot{{}, rank_axis(all.size()), score_axis(f, all)};
  plot.area = inside_axes(page.style, page.body, plot.x, plot.y);
  thin_labels(plot.x.ticks, plot.x, plot.area.width, page.style.tick_size, 5);
  draw_axes(page, plot, true);
  draw_thresholds(page, plot, f);
  draw_curve(page, plot, all, !f.low.empty());
  name_heads(page, plot, all, f.named);
  return page.scene;
}

}  // namespace headscope::figure
