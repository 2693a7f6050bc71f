#include "core/engine/engine.h"

#include <sys/resource.h>
#include <unistd.h>

#include <thread>
#include <utility>

#include "core/engine/board.h"
#include "core/engine/compute.h"
#include "core/engine/preview_worker.h"

namespace headscope {
namespace {

/// The window stays smooth while the model computes. Threads that the runner's library starts from
/// here inherit it. A refusal changes nothing but smoothness.
void lower_priority() {
#ifdef __linux__
  constexpr int niceness = 10;
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), niceness);
#endif
}

}  // namespace

struct Engine::Impl {
  Impl(RunnerFactory make_runner, std::function<void()> on_update)
      : board(std::move(on_update)),
        preview(board),
        compute_thread([this, factory = std::move(make_runner)]() mutable {
          lower_priority();
          Compute(board, std::move(factory)).loop();
        }) {}

  Board board;
  PreviewWorker preview;
  std::thread compute_thread;
};

Engine::Engine(RunnerFactory make_runner, std::function<void()> on_update)
    : impl_(std::make_unique<Impl>(std::move(make_runner), std::move(on_update))) {}

Engine::~Engine() {
  impl_->board.stop();
  impl_->compute_thread.join();
  impl_->preview.join();
}

std::uint64_t Engine::submit(const Request& request) {
  return impl_->board.submit(request);
}

void Engine::cancel() {
  impl_->board.cancel();
}

void Engine::set_reuse(const ReuseOptions& options) {
  impl_->board.set_reuse(options);
}

std::shared_ptr<const Snapshot> Engine::snapshot() const {
  return impl_->board.snapshot();
}

bool Engine::idle() const {
  return impl_->board.idle();
}

}  // namespace headscope
