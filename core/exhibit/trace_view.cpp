#include "core/exhibit/trace_view.h"

#include <algorithm>
#include <utility>

#include "core/engine/trace_report.h"
#include "core/figure/timeline.h"

namespace headscope {
namespace {

std::int64_t first_begin(const std::vector<TraceSpan>& spans) {
  std::int64_t first = spans.front().begin;
  for (const TraceSpan& span : spans) first = std::min(first, span.begin);
  return first;
}

Json arguments_of(const TraceSpan& span) {
  Json args = {{"request", span.request}};
  const auto add = [&](const char* name, const auto& value) {
    if (value != 0) args[name] = value;
  };
  if (span.number >= 0) args["number"] = span.number;
  add("of", span.of);
  add("first_row", span.first_row);
  add("rows", span.rows);
  add("computed_rows_x_layers", span.computed);
  add("reused_rows_x_layers", span.reused);
  add("kept_attention_rows", span.kept_attention);
  add("bytes", span.bytes);
  add("saved_ms", span.saved_seconds * 1e3);
  if (span.cut) args["cut"] = true;
  return args;
}

Json metadata(const char* what, int thread, const char* name) {
  return {{"ph", "M"}, {"name", what}, {"pid", 1}, {"tid", thread}, {"args", {{"name", name}}}};
}

Table table_of_spans(const std::vector<TraceSpan>& spans) {
  const std::int64_t first = first_begin(spans);
  std::vector<std::vector<Cell>> rows;
  for (const TraceSpan& span : spans) {
    Cell number, saved;
    if (span.number >= 0) number = std::int64_t{span.number};
    if (span.saved_seconds > 0) saved = span.saved_seconds * 1e3;
    rows.push_back({std::string(lane_name(span.lane)), std::string(kind_name(span.kind)),
                    span.title(), static_cast<std::int64_t>(span.request),
                    double(span.begin - first) * 1e-6, span.seconds() * 1e3, number,
                    std::int64_t{span.of}, span.first_row, span.rows, span.computed, span.reused,
                    span.kept_attention, static_cast<std::int64_t>(span.bytes), saved,
                    std::int64_t{span.cut}});
  }
  return table_of({"lane", "kind", "name", "request", "begin_ms", "duration_ms", "number", "of",
                   "first_row", "rows", "computed_rows_x_layers", "reused_rows_x_layers",
                   "kept_attention_rows", "bytes", "saved_ms", "cut"},
                  std::move(rows));
}

figure::TimelineBar bar_of(const TraceSpan& span, std::int64_t from) {
  return {double(span.begin - from) * 1e-9, span.seconds(), span.title(), trace_color(span.kind),
          false};
}

/// A row of bars for each depth of a lane, and one for what was reused.
void add_lane(TraceLane lane, const std::vector<TraceSpan>& spans, TraceWindow window,
              figure::TimelineFigure& f) {
  std::vector<TraceSpan> shown;
  for (const TraceSpan& span : spans) {
    if (span.lane == lane && span.end >= window.begin && span.begin <= window.end)
      shown.push_back(span);
  }
  const TraceRows rows = trace_rows(std::move(shown));
  std::vector<figure::TimelineRow> drawn(static_cast<std::size_t>(rows.rows));
  figure::TimelineRow reused{"reused", {}};
  for (std::size_t i = 0; i < rows.spans.size(); ++i) {
    const TraceSpan& span = rows.spans[i];
    if (span.reused > 0) {
      auto bar = bar_of(span, window.begin);
      bar.seconds = span.saved_seconds;
      bar.hollow = true;
      reused.bars.push_back(std::move(bar));
    }
    if (span.end > span.begin)
      drawn[static_cast<std::size_t>(rows.depth[i])].bars.push_back(bar_of(span, window.begin));
  }
  if (!drawn.empty()) drawn.front().label = lane_name(lane);
  f.rows.insert(f.rows.end(), drawn.begin(), drawn.end());
  if (!reused.bars.empty()) f.rows.push_back(std::move(reused));
}

figure::TimelineFigure figure_of(const std::vector<TraceSpan>& spans, TraceWindow window) {
  figure::TimelineFigure f;
  f.title = "What runs computed and what they reused";
  f.text =
      "A bar for each piece of work, below the one that it is part of. Hollow: work that was taken "
      "from an earlier run, as long as it would have taken.";
  f.seconds = double(window.end - window.begin) * 1e-9;
  for (int color = 0; color < trace_colors; ++color) f.legend.push_back(trace_color_name(color));
  for (int lane = 0; lane < trace_lanes; ++lane)
    add_lane(static_cast<TraceLane>(lane), spans, window, f);
  return f;
}

}  // namespace

Json trace_events(const std::vector<TraceSpan>& spans) {
  Json events = Json::array();
  if (spans.empty()) return events;
  const std::int64_t first = first_begin(spans);
  events.push_back(metadata("process_name", 0, "Headscope"));
  for (int lane = 0; lane < trace_lanes; ++lane)
    events.push_back(metadata("thread_name", lane + 1, lane_name(static_cast<TraceLane>(lane))));
  for (const TraceSpan& span : spans) {
    events.push_back({{"ph", "X"},
                      {"name", span.title()},
                      {"cat", kind_name(span.kind)},
                      {"pid", 1},
                      {"tid", static_cast<int>(span.lane) + 1},
                      {"ts", double(span.begin - first) * 1e-3},
                      {"dur", double(span.end - span.begin) * 1e-3},
                      {"args", arguments_of(span)}});
  }
  return events;
}

Result<Exhibit> trace_exhibit(std::vector<TraceSpan> spans, TraceWindow window, Origin origin) {
  if (spans.empty()) return bad_input("Profiler: nothing was recorded yet");
  Exhibit exhibit;
  exhibit.name = "profile";
  exhibit.draw = drawn_by(figure_of(spans, window), figure::draw_timeline);
  std::stable_sort(spans.begin(), spans.end(),
                   [](const TraceSpan& a, const TraceSpan& b) { return a.begin < b.begin; });
  exhibit.table = table_of_spans(spans);
  exhibit.more = {{"displayTimeUnit", "ms"}, {"traceEvents", trace_events(spans)}};
  exhibit.origin = unedited(std::move(origin));
  return exhibit;
}

}  // namespace headscope
