#include "core/engine/preview_worker.h"

#include <exception>

#include "core/base/thread_priority.h"
#include "core/engine/preview.h"

namespace headscope {

void PreviewWorker::loop(Board& board) {
  lower_priority(BackgroundWork::shown_soon);
  while (const auto work = board.wait_preview()) {
    try {
      preview(board, *work);
    } catch (const std::exception&) {
      // Most likely no memory for a copy of the touched heads: then there is no preview, and the
      // exact result comes from the compute thread.
    }
    board.preview_done();
  }
}

void PreviewWorker::preview(Board& board, const Work& work) {
  const auto basis = board.preview_basis();
  const auto& snapshot = *basis.snapshot;
  if (!snapshot.model || !snapshot.prompt || !snapshot.baseline || !basis.baseline_request) return;
  const bool same = same_baseline(*work.request, *basis.baseline_request) &&
                    grade_key(work.request->prompt) == grade_key(basis.baseline_request->prompt);
  if (!same) return;
  std::vector<HeadId> heads;
  const auto applied = applied_settings(*work.request, *snapshot.model, *snapshot.prompt,
                                        snapshot.baseline.get(), &heads);
  if (basis.has_exact && applied == basis.shown_exact) return;
  if (applied.is_identity()) return board.publish_preview(work, basis, applied, snapshot.baseline);
  // Of other directions: they belong to what was asked for before.
  const PreviewInputs* inputs = snapshot.preview_inputs.get();
  if (inputs && inputs->directions_hash != work.request->intervention.directions_hash)
    inputs = nullptr;
  const Tracer tracer{&board.trace(), TraceLane::preview, work.id};
  TimedSpan timed(&tracer, TraceKind::preview, "preview");
  auto result =
      preview_run(*snapshot.prompt, *snapshot.baseline, inputs, work.request->intervention, heads,
                  [&] { return board.preview_overtaken(work); });
  timed.span.cut = !result && board.preview_overtaken(work);
  if (result) board.publish_preview(work, basis, applied, std::move(result));
}

}  // namespace headscope
