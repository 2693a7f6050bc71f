#include "core/base/run_trace.h"

#include <chrono>
#include <exception>
#include <new>
#include <utility>

namespace headscope {

std::string TraceSpan::title() const {
  const bool counted = kind == TraceKind::layer || kind == TraceKind::token;
  return counted && number >= 0 ? name + " " + std::to_string(number) : name;
}

std::int64_t trace_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void RunTrace::add(TraceSpan span) noexcept {
  if (!recording()) return;
  const std::lock_guard lock(mutex_);
  const TraceLane which = span.lane;
  Lane& lane = lanes_[static_cast<std::size_t>(which)];
  try {
    lane.spans.push_back(std::move(span));
  } catch (const std::bad_alloc&) {
    return;  // the work itself matters more
  }
  if (lane.spans.size() > most_of(which)) lane.spans.pop_front();
  ++lane.version;
}

std::vector<TraceSpan> RunTrace::spans(TraceLane lane) const {
  const std::lock_guard lock(mutex_);
  const auto& kept = lanes_[static_cast<std::size_t>(lane)].spans;
  return {kept.begin(), kept.end()};
}

std::uint64_t RunTrace::version(TraceLane lane) const {
  const std::lock_guard lock(mutex_);
  return lanes_[static_cast<std::size_t>(lane)].version;
}

void RunTrace::clear() {
  const std::lock_guard lock(mutex_);
  for (Lane& lane : lanes_) {
    lane.spans.clear();
    ++lane.version;
  }
}

TimedSpan::TimedSpan(const Tracer* tracer, TraceKind kind, const char* name) {
  if (tracer == nullptr || tracer->trace == nullptr || !tracer->trace->recording()) return;
  trace_ = tracer->trace;
  exceptions_ = std::uncaught_exceptions();
  span.kind = kind;
  span.lane = tracer->lane;
  span.request = tracer->request;
  span.name = name;
  span.begin = trace_now();
}

TimedSpan::~TimedSpan() {
  if (trace_ == nullptr) return;
  span.end = trace_now();
  span.cut = span.cut || std::uncaught_exceptions() > exceptions_;
  trace_->add(std::move(span));
}

void trace_reused(const Tracer& tracer, TraceSpan span) {
  if (tracer.trace == nullptr || !tracer.trace->recording()) return;
  span.lane = tracer.lane;
  span.request = tracer.request;
  span.begin = span.end = trace_now();
  tracer.trace->add(std::move(span));
}

std::shared_ptr<TracedWork> traced_work(const Tracer& tracer, TraceKind kind,
                                        const std::string& name) {
  if (!tracer.trace->recording()) return nullptr;
  return std::make_shared<TracedWork>(tracer, kind, name.c_str());
}

const Tracer* tracer_of(const RunContext& context) {
  const auto* traced = context.on_progress.target<TracedProgress>();
  return traced != nullptr && traced->work ? &traced->work->tracer : nullptr;
}

}  // namespace headscope
