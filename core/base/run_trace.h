// What the threads did, what they did not have to do again, and when: the profiler view's record.
// Free of libtorch and of the engine, so that every layer below the window can leave spans in it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/run_context.h"

namespace headscope {

/// Who did it.
enum class TraceLane : std::uint8_t { compute, preview, window };
inline constexpr int trace_lanes = 3;

/// Groups of work: one colour each.
enum class TraceKind : std::uint8_t {
  loading,    ///< a model
  reading,    ///< tokens and documents of a prompt
  answer,     ///< a whole run: what follows is inside it
  ahead,      ///< the same for a setting that nobody asked for yet
  prefill,    ///< the prompt's rows but the last
  layer,      ///< one layer over the rows of one chunk
  token,      ///< one row through all layers, and the choice of the next token
  read_back,  ///< attention as plain arrays
  look,       ///< what is asked beside answers: maps, lens, causal check...
  preview,    ///< the estimate while a slider moves
  frame,      ///< the window's own work on one frame
};
inline constexpr int trace_kinds = 11;

/// A stretch of one thread's time. Spans of a lane lie inside or beside each other.
struct TraceSpan {
  TraceKind kind = TraceKind::look;
  TraceLane lane = TraceLane::compute;
  bool cut = false;  ///< given up before its end
  std::string name;  ///< "answer (intervened)", "layer"
  int number = -1;   ///< of the layer, of the token from 1; a prefill: layer that it began at
  int of = 0;        ///< layers of the model, where `number` is a layer
  std::uint64_t request = 0;        ///< of the engine; 0 = none
  std::int64_t begin = 0, end = 0;  ///< nanoseconds of the steady clock
  std::int64_t first_row = 0, rows = 0;
  /// Rows times layers whose attention and MLP ran, and those taken from an earlier run instead.
  std::int64_t computed = 0, reused = 0;
  std::int64_t kept_attention = 0;  ///< rows of the first touched layer whose attention was there
  std::uint64_t bytes = 0;          ///< of what was reused, or read back
  double saved_seconds = 0;  ///< what `reused` took then, or would take at this span's rate; 0 =
                             ///< not known

  double seconds() const { return double(end - begin) * 1e-9; }
  /// "layer 3", "token 12", "prefill".
  std::string title() const;
};

/// Nanoseconds of the clock that spans are measured with.
std::int64_t trace_now();

/// The newest spans of every lane. Safe from any thread; while nobody records, a span costs one
/// relaxed read.
class RunTrace {
 public:
  /// Spans kept of a lane; the oldest go first. A run over a prompt of 4k tokens on 28 layers
  /// leaves about 300.
  static constexpr std::size_t most_of(TraceLane lane) {
    return lane == TraceLane::compute ? 10000 : 1000;
  }

  bool recording() const { return recording_.load(std::memory_order_relaxed); }
  void record(bool on) { recording_.store(on, std::memory_order_relaxed); }
  /// Ignored while nobody records, and without memory for it.
  void add(TraceSpan span) noexcept;
  /// In the order in which they ended: what is inside a span comes before it.
  std::vector<TraceSpan> spans(TraceLane lane) const;
  /// Grows whenever `spans` changes.
  std::uint64_t version(TraceLane lane) const;
  void clear();  ///< forgets what was recorded

 private:
  struct Lane {
    std::deque<TraceSpan> spans;
    std::uint64_t version = 0;
  };
  std::atomic<bool> recording_{false};
  mutable std::mutex mutex_;
  std::array<Lane, trace_lanes> lanes_;
};

/// Where a piece of work leaves its spans.
struct Tracer {
  RunTrace* trace = nullptr;
  TraceLane lane = TraceLane::compute;
  std::uint64_t request = 0;
};

/// Measures its own life and leaves it in the trace. Without a tracer, or while nobody records when
/// it begins, it does nothing. A span that an exception ends is marked as cut.
class TimedSpan {
 public:
  TimedSpan(const Tracer* tracer, TraceKind kind, const char* name);
  ~TimedSpan();
  TimedSpan(const TimedSpan&) = delete;
  TimedSpan& operator=(const TimedSpan&) = delete;

  bool active() const { return trace_ != nullptr; }
  /// Amounts to fill in; times are set at the end.
  TraceSpan span;

 private:
  RunTrace* trace_ = nullptr;
  int exceptions_ = 0;
};

/// A span of no length for something that was there already.
void trace_reused(const Tracer& tracer, TraceSpan span);

/// Work with a context of its own: its span lasts as long as the context does.
struct TracedWork {
  TracedWork(const Tracer& by, TraceKind kind, const char* name)
      : tracer(by), timed(&tracer, kind, name) {}
  ~TracedWork() { timed.span.cut = cut; }
  Tracer tracer;
  TimedSpan timed;
  std::atomic<bool> cut{false};  ///< it was told to stop
};

/// Null while nobody records.
std::shared_ptr<TracedWork> traced_work(const Tracer& tracer, TraceKind kind,
                                        const std::string& name);

/// A receiver of progress that knows where spans go. It travels as RunContext::on_progress, so that
/// what runs far below finds the tracer without another parameter: tracer_of.
struct TracedProgress {
  std::function<void(const Progress&)> show;
  std::shared_ptr<TracedWork> work;
  void operator()(const Progress& progress) const {  ///< passes it on
    if (show) show(progress);
  }
};

/// Null when nobody records.
const Tracer* tracer_of(const RunContext& context);

}  // namespace headscope
