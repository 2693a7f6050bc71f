// Curves with intervals in one or more panels side by side, and the paper's figures made of them.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/figure/page.h"

namespace headscope::figure {

inline constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();

/// A measured value; `low` and `high` are its interval, NaN = none.
struct CurvePoint {
  double x = 0, y = 0;
  double low = kNoValue, high = kNoValue;
  bool significant = false;  ///< differs from the baseline, on a curve that is `tested`
};
/// Points that are joined by a line.
struct Curve {
  std::string name;
  std::vector<CurvePoint> points;
  int color = 0;         ///< curves that belong together share a number
  bool control = false;  ///< dashed, with hollow markers
  bool tested = false;   ///< points that are not significant have hollow markers
};

/// A value that does not depend on x: a horizontal line, named at its right end (if it has a name).
struct Level {
  std::string name;
  double y = 0;
  double low = kNoValue, high = kNoValue;
};
/// One plot beside others.
struct Panel {
  std::string title;  ///< above the plot; may be empty
  std::string x_label, y_label;
  bool logarithmic = false;                    ///< the x axis
  std::vector<double> x_ticks;                 ///< exactly these; empty = chosen from the points
  double y_low = kNoValue, y_high = kNoValue;  ///< NaN = from the values
  bool logarithmic_y = false;                  ///< every value above 0
  std::vector<Curve> curves;
  std::vector<Level> levels;
};
/// Panels with one legend.
struct CurvesFigure {
  std::string title, subtitle, text;
  bool ordered = false;       ///< colours follow the order of the curves
  std::vector<Panel> panels;  ///< curves of the same name look alike and share one legend entry
  Provenance provenance;
};

/// bad_input when there is nothing to draw.
Result<Scene> draw_curves(const CurvesFigure& figure, const Options& options);

/// Exact match at one number of intervened heads.
struct EmPoint {
  int top_k = 0;
  double em = 0, low = kNoValue, high = kNoValue;
  bool significant = false;  ///< against all documents without intervention
};

/// What a curve of Fig. 3 or 4 intervenes with: the method, or a control (mean over its draws).
enum class EmArm { contextual, random_heads, random_directions };

/// One curve of Fig. 3 or 4.
struct EmSeries {
  double strength = 0;  ///< tau or alpha
  EmArm arm = EmArm::contextual;
  std::vector<EmPoint> points;
};

/// What the same samples give without intervention.
struct EmBaseline {
  std::string name;  ///< "all documents", "gold only", "all but gold"
  double em = 0, low = kNoValue, high = kNoValue;
};
/// Exact match against a setting, as series and baselines.
struct EmStudy {
  std::vector<EmSeries> series;
  std::vector<EmBaseline> baselines;
  std::string interval = "95 % Wilson interval";
  int seeds = 0;  ///< of the controls, 0 = none
  int tests = 0;  ///< settings that were tested against all documents together, 0 = none
  Provenance provenance;
};

/// Fig. 3: EM against the number of heads under split-softmax, a curve per tau; a control has a
/// panel of its own, on the same scale.
CurvesFigure em_against_tau(const EmStudy& study);
/// Fig. 4: EM against the number of heads with focus directions, a curve per alpha.
CurvesFigure em_against_alpha(const EmStudy& study);

/// What marks mean in captions: "differs from all documents at p < 0.05 (McNemar's ...".
std::string significance_text(int tests);

/// One way of running (baseline, split-softmax...) at every place of the gold document.
struct PositionSeries {
  std::string name;
  std::vector<CurvePoint> em;             ///< x = gold position from 0
  std::vector<CurvePoint> relevant_mass;  ///< same; may be empty
  bool tested = false;                    ///< its points of EM say whether they are significant
};
/// Exact match against the gold document's place.
struct PositionStudy {
  std::vector<PositionSeries> series;
  int documents = 0;
  int tests = 0;  ///< as in EmStudy
  Provenance provenance;
};

/// "Lost in the middle": EM and relevant mass against the place of the gold document.
CurvesFigure position_curves(const PositionStudy& study);

}  // namespace headscope::figure
