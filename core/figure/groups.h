// Values of several groups side by side, every one a dot, with the mean and its interval: the mass
// of contextual heads on questions answered rightly and wrongly.
#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/figure/page.h"

namespace headscope::figure {
/// Measurements that belong together.
struct ValueGroup {
  std::string name;
  std::vector<double> values;
  double mean = 0, low = 0, high = 0;  ///< interval of the mean
};
/// Groups beside each other on one axis.
struct GroupsFigure {
  std::string title, subtitle, text;
  std::string x_label, y_label;
  std::vector<ValueGroup> groups;
  Provenance provenance;
};

/// bad_input when no group has a value.
Result<Scene> draw_groups(const GroupsFigure& figure, const Options& options);

}  // namespace headscope::figure
