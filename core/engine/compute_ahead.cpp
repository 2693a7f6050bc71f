// The sliders' next positions, computed while nobody asks for anything.
#include <algorithm>
#include <utility>

#include "core/engine/compute.h"
#include "core/engine/neighbours.h"
#include "core/engine/without_exceptions.h"

namespace headscope {
namespace {

/// Neighbours of a run that took longer are not computed: minutes of full load on a guess.
constexpr double longest_seconds = 10;
/// The slider's end in the window.
constexpr int most_heads = 100;

}  // namespace

void Compute::plan_ahead(const Work& work) {
  const auto& settings = work.request->intervention;
  if (!(settings == shown_)) shown_before_ = std::exchange(shown_, settings);
  if (work.request->prompt.text.empty() || !intervened_ || !outlook_) return;
  if (intervened_->run->seconds > longest_seconds) return;
  if (!(ahead_.of == intervened_->key)) ahead_.ran.clear();
  ahead_.of = intervened_->key;
  ahead_.ready = 0;
  const auto all =
      neighbours_of(settings, shown_before_, std::min(most_heads, model_->layers * model_->heads));
  // The other half of the memory is for settings that were really asked for.
  const auto room = seen_.budget() / 2 / std::max<std::uint64_t>(1, bytes_of(*intervened_->run));
  const auto count = std::min<std::uint64_t>(all.size(), room);
  for (std::size_t i = 0; i < count; ++i) {
    auto request = std::make_shared<Request>(*work.request);
    request->intervention = all[i];
    ahead_.todo.push_back({work.id, std::move(request)});
  }
}

void Compute::go_ahead(std::uint64_t seen) {
  while (!ahead_.todo.empty() && board_.signal() == seen) {
    // A run that is dropped is begun anew at the next rest.
    if (!run_ahead(ahead_.todo.front(), seen)) return;
    ahead_.todo.pop_front();
  }
  if (!ahead_.todo.empty()) return;
  counts_.neighbours = ahead_.ready;
  note_counts();
  board_.publish({});
}

bool Compute::run_ahead(const Work& work, std::uint64_t seen) {
  std::vector<HeadId> heads;
  const auto applied =
      applied_settings(*work.request, *model_, *prompt_, baseline_->run.get(), &heads);
  const RunKey key{baseline_->key.baseline, applied};
  const auto grade = grade_key(work.request->prompt);
  if (applied.is_identity() || keeps_enough(known_run(key, grade))) {
    ++ahead_.ready;
    return true;
  }
  if (std::find(ahead_.ran.begin(), ahead_.ran.end(), key) != ahead_.ran.end()) return true;
  RunContext quiet;
  const auto traced = traced_work({&board_.trace()}, TraceKind::ahead, "neighbour");
  quiet.is_cancelled = [this, seen, traced] {
    const bool news = board_.signal() != seen;
    if (news && traced) traced->cut = true;
    return news;
  };
  if (traced) quiet.on_progress = TracedProgress{{}, traced};
  Request request = *work.request;
  request.keep = outlook_->chosen;
  const auto& settings = request.intervention;
  auto run =
      without_exceptions([&] { return runner_->run(*prompt_, settings, heads, request, quiet); });
  if (!run && run.error().kind == ErrorKind::cancelled && quiet.cancelled()) return false;
  ahead_.ran.push_back(key);
  if (!run) {  // whoever asks for these settings is told why
    ahead_.todo.resize(1);
    return true;
  }
  HeldRun held{key, grade, *run, {}, {}, true};
  compare_with_preview(held, settings, heads, quiet.is_cancelled);
  seen_.put(held);
  ahead_.ready += seen_.run(key) ? 1 : 0;
  return true;
}

}  // namespace headscope
