#include "core/engine/board.h"

#include <utility>

namespace headscope {
namespace {

/// A run that ended before its answer did is no result.
void drop_growing(Snapshot& snapshot) {
  for (auto* run : {&snapshot.baseline, &snapshot.intervened}) {
    if (*run && (*run)->quality == Quality::growing) run->reset();
  }
}

}  // namespace

Board::Board(std::function<void()> on_update)
    : on_update_(std::move(on_update)), snapshot_(std::make_shared<Snapshot>()) {}

std::uint64_t Board::submit(const Request& request) {
  auto copy = std::make_shared<const Request>(request);
  const std::lock_guard lock(mutex_);
  latest_ = std::move(copy);
  preview_slot_ = Work{++latest_id_, latest_};
  touch();
  work_ready_.notify_one();
  preview_ready_.notify_one();
  return latest_id_;
}

void Board::cancel() {
  const std::lock_guard lock(mutex_);
  if (answered_id_ == latest_id_) return;
  cancelled_id_ = latest_id_;
  preview_slot_.reset();
  touch();
}

void Board::stop() {
  const std::lock_guard lock(mutex_);
  stop_ = true;
  touch();
  work_ready_.notify_all();
  preview_ready_.notify_all();
}

std::shared_ptr<const Snapshot> Board::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

bool Board::idle() const {
  const std::lock_guard lock(mutex_);
  return idle_locked();
}

bool Board::idle_locked() const {
  return answered_id_ == latest_id_ && !preview_slot_ && !preview_busy_;
}

void Board::set_reuse(const ReuseOptions& options) {
  const std::lock_guard lock(mutex_);
  if (reuse_ == options) return;
  reuse_ = options;
  touch();
  work_ready_.notify_one();
}

std::optional<Work> Board::unanswered() const {
  const std::lock_guard lock(mutex_);
  if (stop_ || answered_id_ == latest_id_) return std::nullopt;
  return Work{latest_id_, latest_};
}

ReuseOptions Board::reuse() const {
  const std::lock_guard lock(mutex_);
  return reuse_;
}

void Board::wait(std::uint64_t seen) {
  std::unique_lock lock(mutex_);
  work_ready_.wait(lock, [&] { return signal_ != seen; });
}

bool Board::wait_until(std::uint64_t seen, std::chrono::steady_clock::time_point limit) {
  std::unique_lock lock(mutex_);
  return work_ready_.wait_until(lock, limit, [&] { return signal_ != seen; });
}

void Board::note(const ReuseCounts& counts) {
  const std::lock_guard lock(mutex_);
  counts_ = counts;
}

bool Board::overtaken(const Work& work) const {
  const std::lock_guard lock(mutex_);
  return stop_ || latest_id_ != work.id || cancelled_id_ == latest_id_;
}

bool Board::stopping() const {
  const std::lock_guard lock(mutex_);
  return stop_;
}

bool Board::cancelled() const {
  const std::lock_guard lock(mutex_);
  return cancelled_id_ == latest_id_ && latest_id_ != 0;
}

bool Board::unwanted(const Work& work, const std::function<bool(const Request&)>& same_work) const {
  const std::lock_guard lock(mutex_);
  if (stop_ || cancelled_id_ == latest_id_) return true;
  return latest_id_ != work.id && !same_work(*latest_);
}

/// Returns the old snapshot, so that its memory is freed outside the lock.
std::shared_ptr<const Snapshot> Board::replace(const std::function<void(Snapshot&)>& change) {
  auto next = std::make_shared<Snapshot>(*snapshot_);
  if (change) change(*next);
  next->reuse = counts_;
  return std::exchange(snapshot_, std::move(next));
}

void Board::publish(const std::function<void(Snapshot&)>& change) {
  std::shared_ptr<const Snapshot> old;
  {
    const std::lock_guard lock(mutex_);
    old = replace(change);
  }
  notify();
}

void Board::publish_baseline(const Work& work, std::shared_ptr<const RunResult> baseline,
                             const std::function<void(Snapshot&)>& change) {
  std::shared_ptr<const Snapshot> old;
  {
    const std::lock_guard lock(mutex_);
    old = replace([&](Snapshot& snapshot) {
      snapshot.request_id = work.id;
      snapshot.request = *work.request;
      snapshot.baseline = baseline;
      snapshot.intervened = nullptr;
      snapshot.full_map = snapshot.full_map_baseline = nullptr;
      snapshot.preview_inputs = nullptr;
      snapshot.preview_error.reset();
      snapshot.causal = nullptr;
      snapshot.head_drops = nullptr;
      snapshot.auto_alpha = nullptr;
      snapshot.lens = nullptr;
      snapshot.scores = nullptr;
      snapshot.streaming_text.clear();
      if (change) change(snapshot);
    });
    baseline_request_ = baseline ? work.request : nullptr;
  }
  notify();
}

void Board::publish_growing(const Work& work, bool of_baseline,
                            std::shared_ptr<const RunResult> run) {
  std::shared_ptr<const Snapshot> old;
  {
    const std::lock_guard lock(mutex_);
    const auto& shown = of_baseline ? snapshot_->baseline : snapshot_->intervened;
    if (shown && shown->quality != Quality::growing) return;
    if (cancelled_id_ == latest_id_) return;
    old = replace([&](Snapshot& snapshot) {
      snapshot.request_id = work.id;
      snapshot.request = *work.request;
      (of_baseline ? snapshot.baseline : snapshot.intervened) = run;
    });
  }
  notify();
}

void Board::publish_exact(const Work& work, const Applied& applied,
                          std::shared_ptr<const RunResult> intervened,
                          std::optional<double> error) {
  std::shared_ptr<const Snapshot> old;
  {
    const std::lock_guard lock(mutex_);
    if (work.id < shown_id_ && snapshot_->intervened) return;
    old = replace([&](Snapshot& snapshot) {
      snapshot.request_id = work.id;
      snapshot.request = *work.request;
      snapshot.intervened = intervened;
      snapshot.preview_error = error;
      snapshot.streaming_text.clear();
    });
    shown_id_ = work.id;
    shown_applied_ = applied;
  }
  notify();
}

void Board::finish(const Work& work, std::optional<Error> error) {
  std::shared_ptr<const Snapshot> old;
  {
    const std::lock_guard lock(mutex_);
    old = replace([&](Snapshot& snapshot) {
      snapshot.request_id = work.id;
      snapshot.request = *work.request;
      snapshot.streaming_text.clear();
      snapshot.status = {};
      drop_growing(snapshot);
      snapshot.status.state = error ? EngineStatus::State::failed : EngineStatus::State::idle;
      snapshot.status.error = error;
    });
    answered_id_ = work.id;
  }
  notify();
}

void Board::finish_cancelled() {
  std::shared_ptr<const Snapshot> old;
  {
    const std::lock_guard lock(mutex_);
    if (cancelled_id_ != latest_id_) return;  // a newer request came just now
    old = replace([&](Snapshot& snapshot) {
      snapshot.request_id = latest_id_;
      snapshot.request = *latest_;
      snapshot.streaming_text.clear();
      snapshot.status = {};
      snapshot.status.state = EngineStatus::State::idle;
      drop_growing(snapshot);
      snapshot.status.error = Error{ErrorKind::cancelled, "Stopped; results so far are kept."};
    });
    answered_id_ = latest_id_;
  }
  notify();
}

void Board::post_preview(const Work& work) {
  const std::lock_guard lock(mutex_);
  if (latest_id_ != work.id || preview_slot_ || previewed_.is(work.id, *snapshot_)) return;
  preview_slot_ = work;
  preview_ready_.notify_one();
}

std::optional<Work> Board::wait_preview() {
  std::unique_lock lock(mutex_);
  preview_ready_.wait(lock, [&] { return stop_ || preview_slot_; });
  if (stop_) return std::nullopt;
  preview_busy_ = true;
  previewed_ = {preview_slot_->id, snapshot_->model, snapshot_->baseline,
                snapshot_->preview_inputs};
  return std::exchange(preview_slot_, std::nullopt);
}

bool Board::Previewed::is(std::uint64_t request, const Snapshot& now) const {
  return id == request && model.lock() == now.model && baseline.lock() == now.baseline &&
         inputs.lock() == now.preview_inputs;
}

bool Board::preview_overtaken(const Work& work) const {
  const std::lock_guard lock(mutex_);
  return stop_ || work.id <= shown_id_;
}

PreviewBasis Board::preview_basis() const {
  const std::lock_guard lock(mutex_);
  const auto& shown = snapshot_->intervened;
  return {snapshot_, baseline_request_, shown_applied_, shown && shown->quality == Quality::exact};
}

void Board::publish_preview(const Work& work, const PreviewBasis& basis, const Applied& applied,
                            std::shared_ptr<const RunResult> preview) {
  std::shared_ptr<const Snapshot> old;
  {
    const std::lock_guard lock(mutex_);
    const bool same_basis = snapshot_->baseline == basis.snapshot->baseline &&
                            snapshot_->prompt == basis.snapshot->prompt;
    if (!same_basis || work.id <= shown_id_ || cancelled_id_ == latest_id_) return;
    old = replace([&](Snapshot& snapshot) {
      snapshot.request_id = work.id;
      snapshot.request = *work.request;
      snapshot.intervened = preview;
      snapshot.preview_error.reset();
    });
    shown_id_ = work.id;
    shown_applied_ = applied;
  }
  notify();
}

void Board::preview_done() {
  bool now_idle = false;
  {
    const std::lock_guard lock(mutex_);
    preview_busy_ = false;
    now_idle = idle_locked();
  }
  if (now_idle) notify();
}

}  // namespace headscope
