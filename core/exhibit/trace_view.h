// The profiler's spans as a table, as a figure, and as trace events.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/run_trace.h"
#include "core/exhibit/exhibit.h"

namespace headscope {

/// What is on screen of the timeline, nanoseconds of the spans' clock.
struct TraceWindow {
  std::int64_t begin = 0, end = 0;
};

/// Complete events of the Trace Event Format, which Perfetto and chrome://tracing open; times from
/// the first span on.
Json trace_events(const std::vector<TraceSpan>& spans);

/// `spans` of each lane in the order in which they ended. The table has a row for each in the order
/// of their begins, with times from the first one on. Its JSON holds the events too, so that the
/// file opens in Perfetto. bad_input without spans.
Result<Exhibit> trace_exhibit(std::vector<TraceSpan> spans, TraceWindow window, Origin origin);

}  // namespace headscope
