// The paper's figures as curves.
#include <algorithm>
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
    points.push_back({static_cast<double>(p.top_k), p.em, p.low, p.high});
  std::sort(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.x < b.x; });
  return points;
}

CurvesFigure em_figure(const EmStudy& study, const std::string& symbol,
                       const std::string& control) {
  const auto order = strengths_of(study);
  Panel panel;
  panel.x_label = "Number of heads intervened on (top k)";
  panel.y_label = "Exact match";
  panel.logarithmic = true;
  for (const bool controls : {false, true}) {
    for (const auto& [strength, place] : order) {
      for (const EmSeries& series : study.series) {
        if (series.strength != strength || series.control != controls) continue;
        const std::string name =
            symbol + " = " + shortest(strength) + (controls ? ", " + control : "");
        panel.curves.push_back({name, points_of(series), place, controls});
      }
    }
  }
  for (const EmBaseline& b : study.baselines) panel.levels.push_back({b.name, b.em, b.low, b.high});
  CurvesFigure figure;
  figure.ordered = true;
  figure.panels = {std::move(panel)};
  figure.provenance = study.provenance;
  return figure;
}

std::string em_caption(const EmStudy& study, const std::string& control) {
  std::string text =
      "Exact match (best_subspan_em) of the responses; bands: " + study.interval + ".";
  const bool has_control = std::any_of(study.series.begin(), study.series.end(),
                                       [](const EmSeries& s) { return s.control; });
  if (has_control) {
    text += " Dashed with hollow markers: " + control;
    text += study.seeds > 0 ? ", mean over " + std::to_string(study.seeds) + " seeds." : ".";
  }
  if (!study.baselines.empty()) text += " Level lines: the model without intervention.";
  return text;
}

}  // namespace

CurvesFigure em_against_tau(const EmStudy& study) {
  CurvesFigure figure = em_figure(study, "τ", "random heads");
  figure.title = "Split-softmax: exact match against the number of heads";
  figure.subtitle = "A smaller τ moves more attention to the gold document";
  figure.text = em_caption(study, "random heads outside the contextual top k");
  return figure;
}

CurvesFigure em_against_alpha(const EmStudy& study) {
  CurvesFigure figure = em_figure(study, "α", "random directions");
  figure.title = "Focus directions: exact match against the number of heads";
  figure.subtitle = "A larger α moves more attention from the sink to the context; below 0, less";
  figure.text = em_caption(study, "random directions of equal norm");
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
    if (!series.em.empty()) em.curves.push_back({series.name, series.em, color});
    if (!series.relevant_mass.empty())
      mass.curves.push_back({series.name, series.relevant_mass, color});
    ++color;
  }
  CurvesFigure figure;
  figure.title = "Exact match against the position of the gold document";
  if (study.documents > 0)
    figure.subtitle = std::to_string(study.documents) + " documents in the prompt";
  figure.text = "Bands: 95 % interval.";
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
