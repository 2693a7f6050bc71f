// What the window's thread and the engine's threads share, behind one mutex: the mailbox, ids, the
// newest snapshot and what is known about the results in it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "core/base/run_trace.h"
#include "core/engine/snapshot.h"
#include "core/engine/steps.h"

namespace headscope {

/// A request with its id.
struct Work {
  std::uint64_t id = 0;
  std::shared_ptr<const Request> request;
};

/// What the preview worker starts from: results that belong together.
struct PreviewBasis {
  std::shared_ptr<const Snapshot> snapshot;
  std::shared_ptr<const Request> baseline_request;  ///< the one the baseline was computed for
  Applied shown_exact;                              ///< of the exact result shown, if there is one
  bool has_exact = false;
};
/// Every function may be called from any thread; none of them computes.
class Board {
 public:
  explicit Board(std::function<void()> on_update);

  // Window.
  std::uint64_t submit(const Request& request);      ///< takes the place of one that waits; its id
  void cancel();                                     ///< nobody wants the newest request any more
  void stop();                                       ///< both threads shall end
  std::shared_ptr<const Snapshot> snapshot() const;  ///< the newest, never null
  bool idle() const;                                 ///< as Engine::idle
  RunTrace& trace() { return trace_; }               ///< of both threads
  void set_reuse(const ReuseOptions& options);       ///< wakes the compute thread

  // Compute thread.
  /// The newest request, if it is not answered; nothing when the engine stops.
  std::optional<Work> unanswered() const;
  ReuseOptions reuse() const;  ///< as set last
  /// Waits until the signal is no longer `seen`.
  void wait(std::uint64_t seen);
  /// The same, at most until `limit`: true when there is news.
  bool wait_until(std::uint64_t seen, std::chrono::steady_clock::time_point limit);
  /// A newer request, a cancellation or the end came after `work`.
  bool overtaken(const Work& work) const;
  bool stopping() const;  ///< stop() was called
  /// The newest request was cancelled by the user.
  bool cancelled() const;
  /// The step of `work` need not go on: the engine stops, the user cancelled, or the newest request
  /// does not want the same (`same_work`, called only for a newer one).
  bool unwanted(const Work& work, const std::function<bool(const Request&)>& same_work) const;
  /// Changes whenever `unwanted` may change, and with the options: polling it costs nothing.
  std::uint64_t signal() const { return signal_.load(std::memory_order_acquire); }

  /// Goes into every snapshot from here on.
  void note(const ReuseCounts& counts);
  /// Publishes a changed copy of the snapshot.
  void publish(const std::function<void(Snapshot&)>& change);
  /// As `publish`, with a new baseline (or none): whatever was derived from the old one goes.
  void publish_baseline(const Work& work, std::shared_ptr<const RunResult> baseline,
                        const std::function<void(Snapshot&)>& change = {});
  /// What there is of a run that goes on, where nothing whole is shown in its place.
  void publish_growing(const Work& work, bool of_baseline, std::shared_ptr<const RunResult> run);
  /// Unless something for a newer request is shown already. `error` = preview_error.
  void publish_exact(const Work& work, const Applied& applied,
                     std::shared_ptr<const RunResult> intervened, std::optional<double> error);
  /// The request is answered, by results or by `error`.
  void finish(const Work& work, std::optional<Error> error);
  /// The newest request is answered by the user's cancellation.
  void finish_cancelled();

  // Preview worker.
  /// Asks for another preview of the newest request, unless the last one had the same basis.
  void post_preview(const Work& work);
  std::optional<Work> wait_preview();  ///< nothing when the engine stops
  /// Something newer or exact is shown. A newer request alone is no reason to stop: a slow preview
  /// would never appear while the slider moves.
  bool preview_overtaken(const Work& work) const;
  PreviewBasis preview_basis() const;  ///< what the newest snapshot holds
  /// Only on the basis it was computed from, and never over something newer or exact.
  void publish_preview(const Work& work, const PreviewBasis& basis, const Applied& applied,
                       std::shared_ptr<const RunResult> preview);
  void preview_done();  ///< the worker waits again: see idle()

 private:
  /// Which request the last preview was of, and what it could start from at least.
  struct Previewed {
    std::uint64_t id = 0;
    std::weak_ptr<const ModelInfo> model;
    std::weak_ptr<const RunResult> baseline;
    std::weak_ptr<const PreviewInputs> inputs;
    bool is(std::uint64_t request, const Snapshot& now) const;
  };

  bool idle_locked() const;
  std::shared_ptr<const Snapshot> replace(const std::function<void(Snapshot&)>& change);
  void touch() { signal_.fetch_add(1, std::memory_order_release); }
  void notify() const {
    if (on_update_) on_update_();
  }

  const std::function<void()> on_update_;
  RunTrace trace_;
  mutable std::mutex mutex_;
  std::condition_variable work_ready_, preview_ready_;
  std::atomic<std::uint64_t> signal_{1};
  bool stop_ = false;
  std::uint64_t latest_id_ = 0, answered_id_ = 0, cancelled_id_ = 0;
  std::shared_ptr<const Request> latest_;
  std::optional<Work> preview_slot_;
  bool preview_busy_ = false;
  Previewed previewed_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::shared_ptr<const Request> baseline_request_;
  std::uint64_t shown_id_ = 0;  ///< request that the intervened result shown answers
  Applied shown_applied_;
  ReuseOptions reuse_;
  ReuseCounts counts_;
};

}  // namespace headscope
