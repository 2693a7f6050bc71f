// The table of a sweep as curves, while the sweep still runs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app/views/widgets.h"
#include "core/sweep/sweep_table.h"

namespace headscope {

/// A curve of exact match with its intervals; `control` for random heads or directions.
struct SweepCurve {
  std::string name;
  bool control = false;
  std::vector<double> x, em, low, high;
  std::vector<SweepCell> cells;  ///< [x]; of a control the first draw
};

struct SweepCurves {
  std::string x_label;  ///< "heads acted on" or "gold position"
  std::vector<SweepCurve> curves;
  struct Level {
    std::string name;
    double em = 0;
  };
  std::vector<Level> levels;  ///< baselines
};

/// A curve for each strength; draws of a control are averaged, with the lowest and the highest as
/// interval. Tables with moved gold documents are drawn over their positions.
SweepCurves curves_of(const std::vector<SweepRow>& rows);

/// `now` with the sliders at a cell: strength, heads and how many. Random directions are nothing
/// that sliders have: their strength alone is taken.
InterventionSettings settings_of(const SweepCell& cell, InterventionSettings now);

class SweepPlot {
 public:
  /// Draws `table` (results.csv) over the rest of the window; reads it again when it changed. A
  /// click on a point, or Enter, runs its cell over the prompt in front.
  void draw(ViewContext& context, const std::filesystem::path& table);

 private:
  void read(const std::filesystem::path& table);
  void draw_plot(ViewContext& context);
  const SweepCell* cell_by_keys(const ViewContext& context, const SweepCurve& curve, ImVec2 at);

  std::filesystem::path table_;
  std::filesystem::file_time_type written_;
  double looked_ = -1;  ///< ImGui time
  SweepCurves curves_;
  std::string problem_;
  int curve_ = 0, point_ = 0;  ///< that keys act on
};

}  // namespace headscope
