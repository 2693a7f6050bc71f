#include "core/figure/layer_spread.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/figure/axes.h"
#include "core/figure/head_map.h"
#include "core/figure/type.h"

namespace headscope::figure {
namespace {

constexpr double kPanelGap = 22;
constexpr double kScoresShare = 0.56;  // of the width, for the panel of scores

struct LayerCount {
  int above_low = 0, above_high = 0, top = 0;
};

bool inside(const LayerSpreadFigure& f, HeadId id) {
  return id.layer >= 0 && id.layer < f.layers && id.head >= 0 && id.head < f.heads;
}

Result<> check(const LayerSpreadFigure& f) {
  if (f.layers <= 0 || f.heads <= 0) return bad_input("layers: no layers or no heads");
  const auto all = static_cast<std::size_t>(f.layers) * static_cast<std::size_t>(f.heads);
  if (!f.scores.empty() && f.scores.size() != all) {
    return bad_input("layers: expected " + std::to_string(all) + " scores, found " +
                     std::to_string(f.scores.size()));
  }
  for (const HeadId id : f.ranking) {
    if (!inside(f, id)) {
      return bad_input("layers: the ranking names layer " + std::to_string(id.layer) + " head " +
                       std::to_string(id.head) + ", outside a model of " +
                       std::to_string(f.layers) + " x " + std::to_string(f.heads));
    }
  }
  if (f.scores.empty() && (f.ranking.empty() || f.top_k <= 0)) {
    return bad_input("layers: neither scores nor a ranking to count");
  }
  return {};
}

std::vector<HeadId> top_heads(const LayerSpreadFigure& f) {
  const auto count = std::min(f.ranking.size(), static_cast<std::size_t>(std::max(0, f.top_k)));
  return {f.ranking.begin(), f.ranking.begin() + static_cast<std::ptrdiff_t>(count)};
}

std::vector<LayerCount> counts_of(const LayerSpreadFigure& f) {
  std::vector<LayerCount> counts(static_cast<std::size_t>(f.layers));
  for (std::size_t i = 0; i < f.scores.size(); ++i) {
    LayerCount& layer = counts[i / static_cast<std::size_t>(f.heads)];
    layer.above_low += f.scores[i] > f.low_threshold ? 1 : 0;
    layer.above_high += f.scores[i] > f.high_threshold ? 1 : 0;
  }
  for (const HeadId id : top_heads(f)) ++counts[static_cast<std::size_t>(id.layer)].top;
  return counts;
}

Axis layer_axis(const LayerSpreadFigure& f, double length) {
  Axis x;
  x.label = "Layer";
  x.low = -0.6;
  x.high = f.layers - 0.4;
  x.ticks = whole_ticks(0, f.layers - 1, std::max(1, static_cast<int>(length / 16)));
  return x;
}

Caption caption_of(const LayerSpreadFigure& f, std::size_t top) {
  Caption caption;
  caption.title = "Where the contextual heads sit";
  const std::string all = std::to_string(f.layers * f.heads) + " query heads";
  if (!f.scores.empty()) {
    caption.subtitle = std::to_string(count_above(f.scores, f.low_threshold)) + " of " + all +
                       " above " + shortest(f.low_threshold) + ", " +
                       std::to_string(count_above(f.scores, f.high_threshold)) + " above " +
                       shortest(f.high_threshold);
    caption.text =
        "Left: " + f.score_name + " of every query head by layer; the line is the mean of a layer.";
    caption.text += " Right: heads of each layer above " + shortest(f.low_threshold) + " and " +
                    shortest(f.high_threshold) + ".";
  } else {
    caption.subtitle = "Top " + std::to_string(top) + " of " + all;
    caption.text = "Heads of each layer among the top " + std::to_string(top) +
                   "; the head set has no scores.";
  }
  if (top > 0 && !f.scores.empty()) {
    caption.text += " Marked and counted apart: the top " + std::to_string(top) + ".";
  }
  caption.provenance = f.provenance;
  return caption;
}

// Every head as a dot; dots of a layer are spread by head so that equal scores stay apart.
void draw_scores(Page& page, const LayerSpreadFigure& f, const Box& outer) {
  const Style& style = page.style;
  double highest = f.high_threshold;
  for (const float score : f.scores) {
    if (std::isfinite(score)) highest = std::max(highest, static_cast<double>(score));
  }
  Plot plot{{}, layer_axis(f, outer.width), {}};
  plot.y.label = capitalised(f.score_name);
  plot.y.high = highest * 1.06;
  plot.y.ticks = linear_ticks(0, plot.y.high, 5);
  plot.area = inside_axes(style, outer, plot.x, plot.y);
  draw_axes(page, plot, true);
  const auto chosen = top_heads(f);
  const std::set<HeadId> top(chosen.begin(), chosen.end());
  Path means;
  means.stroke = Stroke{{style.muted}, 1.1};
  means.role = "mean";
  const double room = 0.62, radius = f.layers > 40 ? 1.3 : 1.8;
  for (int layer = 0; layer < f.layers; ++layer) {
    double sum = 0;
    int count = 0;
    for (int head = 0; head < f.heads; ++head) {
      const double score =
          f.scores[static_cast<std::size_t>(layer) * static_cast<std::size_t>(f.heads) +
                   static_cast<std::size_t>(head)];
      if (!std::isfinite(score)) continue;
      sum += score;
      ++count;
      const double place = f.heads > 1 ? static_cast<double>(head) / (f.heads - 1) - 0.5 : 0;
      const bool marked = top.contains({layer, head});
      Disc dot{plot.at(layer + room * place, score), marked ? radius * 1.25 : radius};
      dot.fill = Paint{marked ? style.ring : style.accent, marked ? 1.0 : 0.5};
      dot.role = marked ? "top-head" : "head";
      page.scene.add(dot);
    }
    if (count > 0) means.points.push_back(plot.at(layer, sum / count));
  }
  page.scene.add(std::move(means));
}

void bar(Page& page, const Plot& plot, double place, double width, int value, Rgb color,
         Role role) {
  if (value <= 0) return;
  const double top = plot.at_y(value), left = plot.at_x(place - width / 2);
  Rect rect{{left, top, plot.at_x(place + width / 2) - left, plot.area.bottom() - top}};
  rect.fill = Paint{color};
  rect.role = role;
  page.scene.add(rect);
}

struct BarColors {
  Rgb low, high, top;
};

BarColors colors_of(const Style& style) {
  const auto soft = [&](Rgb c) {
    const float share = style.dark ? 0.55F : 0.42F;
    return Rgb{style.page.r + (c.r - style.page.r) * share,
               style.page.g + (c.g - style.page.g) * share,
               style.page.b + (c.b - style.page.b) * share};
  };
  return {soft(style.accent), style.accent, style.ring};
}

void draw_counts(Page& page, const LayerSpreadFigure& f, const Box& outer) {
  const auto counts = counts_of(f);
  int most = 1;
  for (const LayerCount& count : counts) most = std::max({most, count.above_low, count.top});
  Plot plot{{}, layer_axis(f, outer.width), {}};
  plot.y.label = "Heads of the layer";
  plot.y.high = most * 1.08;
  plot.y.ticks = whole_ticks(0, most, 5);
  plot.area = inside_axes(page.style, outer, plot.x, plot.y);
  thin_labels(plot.x.ticks, plot.x, plot.area.width, page.style.tick_size, 4);
  draw_axes(page, plot, true);
  const BarColors colors = colors_of(page.style);
  const bool both = !f.scores.empty() && f.top_k > 0 && !f.ranking.empty();
  const double width = both ? 0.4 : 0.74, shift = both ? 0.2 : 0;
  for (int layer = 0; layer < f.layers; ++layer) {
    const LayerCount& count = counts[static_cast<std::size_t>(layer)];
    bar(page, plot, layer - shift, width, count.above_low, colors.low, "above-low");
    bar(page, plot, layer - shift, width, count.above_high, colors.high, "above-high");
    bar(page, plot, layer + shift, width, count.top, colors.top, "top-count");
  }
}

std::vector<LegendEntry> legend_of(const LayerSpreadFigure& f, const Style& style,
                                   std::size_t top) {
  const BarColors colors = colors_of(style);
  std::vector<LegendEntry> entries;
  if (!f.scores.empty()) {
    entries.push_back(
        {LegendEntry::Key::swatch, "above " + shortest(f.high_threshold), colors.high});
    entries.push_back({LegendEntry::Key::swatch, "above " + shortest(f.low_threshold), colors.low});
  }
  if (top > 0) {
    entries.push_back({LegendEntry::Key::swatch, "top " + std::to_string(top), colors.top});
  }
  return entries;
}

}  // namespace

Result<Scene> draw_layer_spread(const LayerSpreadFigure& f, const Options& options) {
  HEADSCOPE_TRY(check(f));
  const std::size_t top = top_heads(f).size();
  const bool scored = !f.scores.empty();
  Page page = make_page(options, {scored ? 540.0 : 360.0, 270}, caption_of(f, top));
  Box body = draw_legend(page, page.body, legend_of(f, page.style, top));
  if (scored) {
    const double width = (body.width - kPanelGap) * kScoresShare;
    draw_scores(page, f, {body.x, body.y, width, body.height});
    body.x += width + kPanelGap;
    body.width -= width + kPanelGap;
  }
  draw_counts(page, f, body);
  return page.scene;
}

}  // namespace headscope::figure
