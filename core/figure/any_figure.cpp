#include "core/figure/any_figure.h"

#include <algorithm>
#include <cmath>

#include "core/analysis/head_scores.h"
#include "core/figure/csv.h"

namespace headscope::figure {
namespace {

struct Draw {
  const Options& options;
  Result<Scene> operator()(const HeadMapFigure& f) const { return draw_head_map(f, options); }
  Result<Scene> operator()(const RankingFigure& f) const { return draw_ranking(f, options); }
  Result<Scene> operator()(const LayerSpreadFigure& f) const {
    return draw_layer_spread(f, options);
  }
  Result<Scene> operator()(const CurvesFigure& f) const { return draw_curves(f, options); }
  Result<Scene> operator()(const ValueGridFigure& f) const { return draw_value_grid(f, options); }
  Result<Scene> operator()(const GroupsFigure& f) const { return draw_groups(f, options); }
  Result<Scene> operator()(const RatiosFigure& f) const { return draw_ratios(f, options); }
  Result<Scene> operator()(const TableFigure& f) const { return draw_table(f, options); }
};

// Scores and ranks of every head, by layer and head.
std::string heads_csv(int layers, int heads, const std::vector<float>& scores,
                      const std::vector<float>& low, const std::vector<float>& high,
                      const std::vector<HeadId>& ranking) {
  const auto all = static_cast<std::size_t>(layers) * static_cast<std::size_t>(heads);
  std::vector<std::string> ranks(all);
  for (std::size_t i = 0; i < ranking.size(); ++i) {
    const auto at = static_cast<std::size_t>(ranking[i].layer) * static_cast<std::size_t>(heads) +
                    static_cast<std::size_t>(ranking[i].head);
    if (at < all) ranks[at] = std::to_string(i + 1);
  }
  const auto number = [](const std::vector<float>& values, std::size_t i) {
    return i < values.size() ? csv_number(static_cast<double>(values[i])) : std::string();
  };
  std::string text = csv_line({"layer", "head", "score", "low", "high", "rank"});
  for (std::size_t i = 0; i < all; ++i) {
    text += csv_line({std::to_string(i / static_cast<std::size_t>(heads)),
                      std::to_string(i % static_cast<std::size_t>(heads)), number(scores, i),
                      number(low, i), number(high, i), ranks[i]});
  }
  return text;
}

std::vector<HeadId> ranking_of(const RankingFigure& f) {
  std::vector<HeadId> ranking = rank_heads(f.scores, f.layers, f.heads);
  std::erase_if(ranking, [&](HeadId id) {
    return !std::isfinite(
        f.scores[static_cast<std::size_t>(id.layer) * static_cast<std::size_t>(f.heads) +
                 static_cast<std::size_t>(id.head)]);
  });
  return ranking;
}

struct Csv {
  std::string operator()(const HeadMapFigure& f) const {
    return heads_csv(f.layers, f.heads, f.scores, {}, {}, f.ranking);
  }
  std::string operator()(const RankingFigure& f) const {
    return heads_csv(f.layers, f.heads, f.scores, f.low, f.high, ranking_of(f));
  }
  std::string operator()(const LayerSpreadFigure& f) const {
    return heads_csv(f.layers, f.heads, f.scores, {}, {}, f.ranking);
  }
  std::string operator()(const CurvesFigure& f) const {
    std::string text =
        csv_line({"panel", "quantity", "curve", "control", "x", "y", "low", "high", "significant"});
    for (std::size_t i = 0; i < f.panels.size(); ++i) {
      const Panel& panel = f.panels[i];
      const std::string name = csv_field(panel.title.empty() ? std::to_string(i + 1) : panel.title);
      for (const Curve& curve : panel.curves) {
        for (const CurvePoint& p : curve.points) {
          text += csv_line({name, csv_field(panel.y_label), csv_field(curve.name),
                            curve.control ? "1" : "0", csv_number(p.x), csv_number(p.y),
                            csv_number(p.low), csv_number(p.high),
                            curve.tested ? (p.significant ? "1" : "0") : ""});
        }
      }
      for (const Level& level : panel.levels) {
        text += csv_line({name, csv_field(panel.y_label), csv_field(level.name), "0", "",
                          csv_number(level.y), csv_number(level.low), csv_number(level.high), ""});
      }
    }
    return text;
  }
  std::string operator()(const ValueGridFigure& f) const {
    std::string text = csv_line({csv_field(f.y_label), csv_field(f.x_label), "value", "marked"});
    for (std::size_t i = 0; i < f.values.size(); ++i) {
      const std::string mark = i < f.marked.size() ? (f.marked[i] ? "1" : "0") : "";
      text += csv_line({csv_field(f.rows[i / f.columns.size()]),
                        csv_field(f.columns[i % f.columns.size()]), csv_number(f.values[i]), mark});
    }
    return text;
  }
  std::string operator()(const GroupsFigure& f) const {
    std::string text = csv_line({"group", "statistic", "value"});
    for (const ValueGroup& group : f.groups) {
      const std::string name = csv_field(group.name);
      text += csv_line({name, "mean", csv_number(group.mean)});
      text += csv_line({name, "mean_low", csv_number(group.low)});
      text += csv_line({name, "mean_high", csv_number(group.high)});
      for (const double value : group.values) text += csv_line({name, "sample", csv_number(value)});
    }
    return text;
  }
  std::string operator()(const RatiosFigure& f) const {
    std::string text = csv_line({"group", "ratio", "value", "low", "high", "goal", "limit", "met"});
    for (const Ratio& r : f.ratios) {
      const char* goal = !r.goal ? "" : r.goal->at_least ? "at least" : "at most";
      text +=
          csv_line({csv_field(r.group), csv_field(r.name), csv_number(r.value), csv_number(r.low),
                    csv_number(r.high), goal, r.goal ? csv_number(r.goal->limit) : "",
                    !r.goal   ? ""
                    : r.met() ? "1"
                              : "0"});
    }
    return text;
  }
  std::string operator()(const TableFigure& f) const { return f.csv; }
};

}  // namespace

Result<Scene> draw_figure(const AnyFigure& figure, const Options& options) {
  return std::visit(Draw{options}, figure);
}

std::string csv_of(const AnyFigure& figure) {
  return std::visit(Csv{}, figure);
}

}  // namespace headscope::figure
