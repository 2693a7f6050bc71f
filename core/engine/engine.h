// One compute thread, a one-slot mailbox in which the newest request wins, immutable snapshots.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "core/engine/runner.h"

namespace headscope {

class RunTrace;  // core/base/run_trace.h

/// Owns the compute thread and the preview worker. All public functions are called from the
/// window's thread and return at once.
class Engine {
 public:
  /// `make_runner` runs on the compute thread (loading libtorch takes a while and must not delay
  /// the window). `on_update` is called from engine threads whenever a new snapshot is ready, e.g.
  /// to post an empty event; it must not block.
  using RunnerFactory = std::function<Result<std::unique_ptr<Runner>>()>;
  Engine(RunnerFactory make_runner, std::function<void()> on_update);
  ~Engine();  ///< cancels what runs and joins
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Replaces whatever was asked before; a stale computation stops within 50 ms, one whose result
  /// the new request needs too goes on. What failed is tried again when the very same request is
  /// submitted again or when the part that failed differs. Returns the id.
  std::uint64_t submit(const Request& request);
  /// Stops the running computation; results so far stay, status.error says ErrorKind::cancelled.
  void cancel();
  /// Takes effect at once; what is being computed ahead stops.
  void set_reuse(const ReuseOptions& options);
  /// Newest snapshot; never null.
  std::shared_ptr<const Snapshot> snapshot() const;
  /// Nothing queued, nothing running, and the newest request answered (or failed). What is computed
  /// ahead does not count.
  bool idle() const;
  /// What the engine's threads did, while somebody has it recorded.
  RunTrace& trace();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Heads that `settings` acts on: contextual = first top_k of `ranking`; random = seeded draw from
/// ranking beyond max(top_k, ranking's contextual part), deduplicated; picked = as given, valid
/// ones.
std::vector<HeadId> chosen_heads(const InterventionSettings& settings,
                                 const std::vector<HeadId>& ranking, int layers, int heads);

}  // namespace headscope
