// The paper's figures as curves.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "core/figure/curves.h"
#include "core/figure/ticks.h"

namespace headscope::figure {
namespace {

// Every strength in ascending order, with its place: its colour.
std::map<double, int> strengths_of(const EmStudy& study) {
  std::map<double, int> order;
  for (const EmSeries& series : study.series) order[series.strength] = 0;
  int place = 0;
  for (auto& [strength, number] : order) number = place++;
  return order;
}

std::vector<CurvePoint> points_of(const EmSeries& series) {
  std::vector<CurvePoint> points;
  for (const EmPoint& p : series.points)
    points.push_back({static_cast<double>(p.top_k), p.em, p.low, p.high, p.significant});
  std::sort(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.x < b.x; });
  return points;
}

// One scale for all panels, so that they can be compared across.
void share_scale(std::vector<Panel>& panels) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  const auto include = [&](double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  };
  for (const Panel& panel : panels) {
    for (const Curve& curve : panel.curves) {
      for (const CurvePoint& p : curve.points) {
        for (const double value : {p.y, p.low, p.high}) include(value);
      }
    }
    for (const Level& level : panel.levels) include(level.y);
  }
  if (!(low <= high)) return;
  const double pad = std::max(0.01, (high - low) * 0.05);
  for (Panel& panel : panels) {
    panel.y_low = std::max(low >= 0 ? 0.0 : low - pad, low - pad);
    panel.y_high = high + pad;
  }
}

struct ArmText {
  EmArm arm;
  const char* title;
};

constexpr std::array kArms{ArmText{EmArm::contextual, "Contextual heads"},
                           ArmText{EmArm::random_heads, "Control: random heads"},
                           ArmText{EmArm::random_directions, "Control: random directions"}};

bool has_arm(const EmStudy& study, EmArm arm) {
  return std::any_of(study.series.begin(), study.series.end(),
                     [arm](const EmSeries& s) { return s.arm == arm; });
}

Panel em_panel(const EmStudy& study, EmArm arm, const std::string& symbol) {
  Panel panel;
  panel.x_label = "Heads intervened on (k)";
  panel.y_label = "Exact match";
  panel.logarithmic = true;
  for (const auto& [strength, place] : strengths_of(study)) {
    for (const EmSeries& series : study.series) {
      if (series.strength != strength || series.arm != arm) continue;
      const bool control = arm != EmArm::contextual;
      panel.curves.push_back({symbol + " = " + shortest(strength), points_of(series), place,
                              control, study.tests > 0 && !control});
    }
  }
  return panel;
}

CurvesFigure em_figure(const EmStudy& study, const std::string& symbol) {
  CurvesFigure figure;
  for (const auto& [arm, title] : kArms) {
    if (!has_arm(study, arm)) continue;
    figure.panels.push_back(em_panel(study, arm, symbol));
    figure.panels.back().title = title;
  }
  if (figure.panels.size() == 1) figure.panels.front().title.clear();
  for (Panel& panel : figure.panels) {
    const bool last = &panel == &figure.panels.back();
    for (const EmBaseline& b : study.baselines)
      panel.levels.push_back({last ? b.name : "", b.em, b.low, b.high});
  }
  share_scale(figure.panels);
  figure.ordered = true;
  figure.provenance = study.provenance;
  return figure;
}

std::string em_caption(const EmStudy& study) {
  std::string text =
      "Exact match (best_subspan_em) of the responses; bars or bands: " + study.interval + ".";
  const bool heads = has_arm(study, EmArm::random_heads);
  const bool directions = has_arm(study, EmArm::random_directions);
  if (heads || directions) {
    text += " Controls (dashed): ";
    text += heads ? "as many random heads outside the contextual ones" : "";
    text += heads && directions ? ", and " : "";
    text += directions ? "random directions of equal norm" : "";
    text += study.seeds > 0 ? "; mean over " + std::to_string(study.seeds) + " seeds." : ".";
  }
  if (study.series.size() > 3) text += " Points of one k stand side by side.";
  if (study.tests > 0) text += " Filled markers: " + significance_text(study.tests) + ".";
  if (!study.baselines.empty()) text += " Level lines: the model without intervention.";
  return text;
}

}  // namespace

std::string significance_text(int tests) {
  return "differs from all documents at p < 0.05 (McNemar's exact test over the same questions, "
         "Holm over " +
         std::to_string(tests) + (tests == 1 ? " test)" : " tests)");
}

CurvesFigure em_against_tau(const EmStudy& study) {
  CurvesFigure figure = em_figure(study, "τ");
  figure.title = "Split-softmax: exact match against the number of heads";
  figure.subtitle = "A smaller τ moves more attention to the gold document";
  figure.text = em_caption(study);
  return figure;
}

CurvesFigure em_against_alpha(const EmStudy& study) {
  CurvesFigure figure = em_figure(study, "α");
  figure.title = "Focus directions: exact match against the number of heads";
  figure.subtitle = "A larger α moves more attention from the sink to the context; below 0, less";
  figure.text = em_caption(study);
  return figure;
}

CurvesFigure position_curves(const PositionStudy& study) {
  Panel em, mass;
  em.x_label = mass.x_label = "Position of the gold document (from 0)";
  em.y_label = "Exact match";
  mass.y_label = "Relevant attention mass";
  mass.y_low = 0;
  int color = 0;
  for (const PositionSeries& series : study.series) {
    const bool tested = study.tests > 0 && series.tested;
    if (!series.em.empty()) em.curves.push_back({series.name, series.em, color, false, tested});
    if (!series.relevant_mass.empty())
      mass.curves.push_back({series.name, series.relevant_mass, color});
    ++color;
  }
  CurvesFigure figure;
  figure.title = "Exact match against the position of the gold document";
  if (study.documents > 0)
    figure.subtitle = std::to_string(study.documents) + " documents in the prompt";
  figure.text =
      "Bands: 95 % interval. Of each method the setting whose mean exact match is highest.";
  if (study.tests > 0) {
    figure.text += " Filled markers of exact match: " + significance_text(study.tests) +
                   ", each at its own position.";
  }
  if (!mass.curves.empty()) {
    figure.text +=
        " Relevant mass: attention of the response rows on the gold document, mean over the heads "
        "intervened on.";
  }
  figure.panels.push_back(std::move(em));
  if (!mass.curves.empty()) figure.panels.push_back(std::move(mass));
  figure.provenance = study.provenance;
  return figure;
}

}  // namespace headscope::figure
