// The view "Profiler": on a timeline, what each run computed and what it took from earlier ones.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/views/export_menu.h"
#include "app/views/widgets.h"
#include "core/engine/trace_report.h"

namespace headscope {

/// The part of a timeline that is on screen, in seconds.
struct TimeWindow {
  double from = 0, shown = 1;

  double end() const { return from + shown; }
  /// About a moment that stays where it is; a factor above 1 comes nearer.
  void zoom(double at, double factor);
};

class ProfilerView {
 public:
  /// `trace` may be null: then nothing is ever recorded. It must outlive the view.
  void watch(RunTrace* trace) { trace_ = trace; }
  /// Records while the view is `open`, also behind another tab.
  void begin_frame(bool open);
  void end_frame() { frame_.reset(); }
  void draw(ViewContext& context);
  /// What is recorded, for the export menu; empty when there is nothing.
  ExhibitMaker exhibit(const AppState& state) const;

  /// The row of text about the newest answer; empty without one.
  const std::string& summary() const { return summary_; }
  const std::optional<AnswerWork>& newest() const { return newest_; }
  const TimeWindow& window() const { return window_; }
  bool follows() const { return follow_; }

 private:
  /// Bars of one height: a depth of a lane, or what was reused in one.
  struct Row {
    std::string label;
    bool reused = false;
    std::vector<const TraceSpan*> spans;  ///< by their begins
  };
  /// Where the bars stand on the screen.
  struct Place {
    ImVec2 min, max;
    float row = 0;  ///< height
  };

  bool empty() const { return lanes_[0].spans.empty() && lanes_[1].spans.empty(); }
  void take_spans();
  void make_rows();
  void show_all();
  void show_newest();
  void toolbar(ViewContext& context);
  void timeline(ViewContext& context);
  void navigate(const Place& place);
  void keys();
  void draw_axis(const ViewContext& context, const Place& place, float bottom) const;
  void draw_row(const ViewContext& context, const Place& place, std::size_t row) const;
  const TraceSpan* under_mouse(const Place& place, bool& reused) const;
  void tooltip(const ViewContext& context, const TraceSpan& span, bool reused) const;
  float x_of(const Place& place, double seconds) const;
  double begin_of(const TraceSpan& span) const { return double(span.begin - origin_) * 1e-9; }

  RunTrace* trace_ = nullptr;
  std::optional<TimedSpan> frame_;  ///< the window's own work
  std::array<TraceRows, trace_lanes> lanes_;
  std::array<std::uint64_t, trace_lanes> versions_{};
  std::vector<Row> rows_;
  std::optional<AnswerWork> newest_;
  std::string summary_;
  std::int64_t origin_ = 0;  ///< nanoseconds of the trace's clock at 0 seconds; 0 = nothing yet
  TimeWindow window_;
  double zero_ = 0;     ///< where the axis counts from
  bool follow_ = true;  ///< the newest request is on screen
};

}  // namespace headscope
