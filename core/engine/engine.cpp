#include "core/engine/engine.h"

#include <thread>
#include <utility>

#include "core/base/thread_priority.h"
#include "core/engine/board.h"
#include "core/engine/compute.h"
#include "core/engine/preview_worker.h"

namespace headscope {

struct Engine::Impl {
  Impl(RunnerFactory make_runner, std::function<void()> on_update)
      : board(std::move(on_update)),
        preview(board),
        compute(board, std::move(make_runner)),
        compute_thread([this] {
          // Threads that the runner's library starts from here inherit it.
          lower_priority(BackgroundWork::computing);
          compute.loop();
        }) {}

  Board board;
  PreviewWorker preview;
  Compute compute;  ///< made before its thread, which could not say that there was no memory for it
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

RunTrace& Engine::trace() {
  return impl_->board.trace();
}

}  // namespace headscope
