// Ratios of measurements below each other: each with its spread and the goal it was to reach.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/figure/page.h"

namespace headscope::figure {

/// What a ratio is to be.
struct RatioGoal {
  double limit = 0;
  bool at_least = true;  ///< else at most
};
/// How many times better or worse something is than its peer.
struct Ratio {
  std::string group, name;   ///< the group is written above its first ratio
  double value = 0;          ///< above 0
  double low = 0, high = 0;  ///< least and largest repetition
  std::optional<RatioGoal> goal{};

  /// By the value alone; true without a goal.
  bool met() const;
};
/// Ratios below each other, on one axis.
struct RatiosFigure {
  std::string title, subtitle, text;
  std::vector<Ratio> ratios;
  Provenance provenance;
};

/// A logarithmic axis from left to right. bad_input: no ratio, or one that is not above 0.
Result<Scene> draw_ratios(const RatiosFigure& figure, const Options& options);

}  // namespace headscope::figure
