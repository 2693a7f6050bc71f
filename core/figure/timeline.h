// Work on a timeline: bars in rows, on one axis of seconds.
#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/figure/page.h"

namespace headscope::figure {
/// A stretch of time.
struct TimelineBar {
  double begin = 0, seconds = 0;  ///< from the left edge
  std::string name;               ///< written inside where there is room
  int color = 0;                  ///< of Style::series
  bool hollow = false;
};
/// Stretches that do not overlap.
struct TimelineRow {
  std::string label;  ///< on the left; may be empty
  std::vector<TimelineBar> bars;
};
/// Rows over one axis of time.
struct TimelineFigure {
  std::string title, subtitle, text;
  double seconds = 1;               ///< length of the axis; what lies outside is cut off
  std::vector<std::string> legend;  ///< what each colour stands for
  std::vector<TimelineRow> rows;    ///< from the top
  Provenance provenance;
};

/// bad_input without rows or without a length.
Result<Scene> draw_timeline(const TimelineFigure& figure, const Options& options);

}  // namespace headscope::figure
