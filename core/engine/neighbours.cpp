#include "core/engine/neighbours.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace headscope {
namespace {

struct Neighbour {
  InterventionSettings settings;
  int rank = 0;  ///< small = likely
};

/// 0 = onward, 1 = back, 2 = this slider did not move.
int rank_of(double moved, double direction) {
  if (moved == 0) return 2;
  return (moved > 0) == (direction > 0) ? 0 : 1;
}

}  // namespace

double slider_position(double value) {
  return std::round(value * 100) / 100 + 0.0;  // never -0
}

std::vector<InterventionSettings> neighbours_of(const InterventionSettings& now,
                                                const InterventionSettings& before,
                                                int most_heads) {
  if (now.is_identity()) return {};
  std::vector<Neighbour> all;
  const auto add = [&](auto field, auto value, double moved, double direction) {
    Neighbour neighbour{now, rank_of(moved, direction)};
    neighbour.settings.*field = value;
    if (neighbour.settings != now) all.push_back(std::move(neighbour));
  };
  for (const int direction : {1, -1}) {
    if (now.tau != 1) {
      add(&InterventionSettings::tau,
          std::clamp(slider_position(now.tau + direction * tau_step), 0.0, 1.0),
          now.tau - before.tau, direction);
    }
    if (now.alpha != 0) {
      add(&InterventionSettings::alpha,
          std::clamp(slider_position(now.alpha + direction * alpha_step), -1.0, 1.0),
          now.alpha - before.alpha, direction);
    }
    if (now.choice != HeadChoice::picked) {
      add(&InterventionSettings::top_k, std::clamp(now.top_k + direction, 0, most_heads),
          now.top_k - before.top_k, direction);
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Neighbour& a, const Neighbour& b) { return a.rank < b.rank; });
  std::vector<InterventionSettings> settings;
  for (Neighbour& neighbour : all) settings.push_back(std::move(neighbour.settings));
  return settings;
}

}  // namespace headscope
