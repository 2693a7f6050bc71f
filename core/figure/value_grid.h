// A grid of settings with the measured value printed in every cell: EM over alpha x k.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/figure/page.h"

namespace headscope::figure {
/// A number for every pair of two settings.
struct ValueGridFigure {
  std::string title, subtitle, text;
  std::string x_label, y_label, value_label;
  std::vector<std::string> columns, rows;  ///< names of settings, rows from the top
  std::vector<double> values;              ///< [rows, columns]; NaN = not measured
  std::vector<bool> marked;  ///< [rows, columns], a star after the value; may be empty
  /// Colours show the distance from here, diverging; NaN: the value itself, sequential.
  double centre = std::numeric_limits<double>::quiet_NaN();
  int decimals = 2;
  Provenance provenance;
};

/// bad_input when sizes do not agree or no cell has a value.
Result<Scene> draw_value_grid(const ValueGridFigure& figure, const Options& options);

}  // namespace headscope::figure
