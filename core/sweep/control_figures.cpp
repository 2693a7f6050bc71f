#include "core/sweep/control_figures.h"

#include <cmath>

#include "core/figure/ticks.h"

namespace headscope {
namespace {

std::string interval_text(const Estimate& estimate, int decimals) {
  return figure::fixed(estimate.value, decimals) + " (" + figure::fixed(estimate.low, decimals) +
         " to " + figure::fixed(estimate.high, decimals) + ")";
}

const Estimate& part_of(const Movement& movement, bool magnitude) {
  return magnitude ? movement.magnitude : movement.change;
}

figure::Panel panel_of(const ControlSetting& setting, bool magnitude) {
  figure::Panel panel;
  panel.x_label = "Layer";
  panel.title = magnitude ? "Size of the change" : "Change of relevant mass";
  panel.y_label = magnitude ? "Mean |change|" : "Mean change";
  if (magnitude) panel.y_low = 0;
  figure::Curve contextual{"contextual heads", {}, 0}, random{"random heads", {}, 1, true};
  for (std::size_t layer = 0; layer < setting.by_layer.size(); ++layer) {
    const ControlComparison& comparison = setting.by_layer[layer];
    const auto x = static_cast<double>(layer);
    panel.x_ticks.push_back(x);
    if (comparison.draws == 0) continue;
    const Estimate& a = part_of(comparison.contextual, magnitude);
    const Estimate& b = part_of(comparison.random, magnitude);
    contextual.points.push_back({x, a.value, a.low, a.high});
    random.points.push_back({x, b.value, b.low, b.high});
  }
  panel.curves = {std::move(contextual), std::move(random)};
  if (!magnitude) panel.levels.push_back({"", 0});
  return panel;
}

std::string numbers_of(const ControlComparison& comparison) {
  std::string text = interval_text(comparison.contextual.magnitude, 4) + " contextual, " +
                     interval_text(comparison.random.magnitude, 4) + " random, difference " +
                     interval_text(comparison.difference.magnitude, 4);
  if (std::isfinite(comparison.ratio.value)) {
    text += ", ratio " + interval_text(comparison.ratio, 2);
  }
  return text;
}

figure::CurvesFigure figure_of(const ControlResult& result, const ControlSetting& setting) {
  figure::CurvesFigure f;
  f.title = "What an intervention does to heads that nobody touched";
  const ControlComparison& above = setting.above;
  f.subtitle = control_setting_name(setting);
  if (above.draws > 0 && std::isfinite(above.ratio.value)) {
    f.subtitle += ": contextual over random " + interval_text(above.ratio, 2) +
                  ", heads above the first touched layer";
  }
  f.text =
      "Change of relevant mass (intervened minus baseline) of the heads that neither arm "
      "touches, mean over the heads of a layer, " +
      std::to_string(setting.random.size()) + (setting.random.size() == 1 ? " draw" : " draws") +
      " of random heads and samples; bands: 95 % bootstrap interval over samples. Mean "
      "|change| of all untouched heads: " +
      numbers_of(setting.untouched) + ". ";
  if (above.draws > 0) {
    f.text += "Of those above the first layer that either arm touches: " + numbers_of(above) + ". ";
  }
  f.text += result.response == ControlResponse::own
                ? "Rows of each run's own response."
                : "The baseline's response is fed to every run.";
  f.panels = {panel_of(setting, false), panel_of(setting, true)};
  return f;
}

}  // namespace

std::vector<NamedFigure> control_figures(const ControlResult& result,
                                         const figure::Provenance& provenance) {
  std::vector<NamedFigure> figures;
  for (const ControlSetting& setting : result.settings) {
    if (setting.untouched.draws == 0) continue;
    figure::CurvesFigure f = figure_of(result, setting);
    f.provenance = provenance;
    const SweepCell& cell = setting.cell;
    const std::string strength = cell.tau ? "tau" + shortest_number(*cell.tau)
                                          : "alpha" + shortest_number(cell.alpha.value_or(0));
    figures.push_back(
        {"untouched-heads-" + strength + "-k" + std::to_string(cell.top_k.value_or(0)),
         std::move(f)});
  }
  return figures;
}

}  // namespace headscope
