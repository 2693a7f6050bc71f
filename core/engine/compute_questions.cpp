// What is asked for beside the runs: a strength for focus directions, the causal check, and what
// the answer loses without each head.
#include <algorithm>
#include <cmath>

#include "core/engine/alpha_scan.h"
#include "core/engine/causal_view.h"
#include "core/engine/compute.h"

namespace headscope {

std::vector<HeadId> Compute::looked_at(const Work& work) const {
  return looked_at_heads(*work.request, *model_, baseline_->run.get());
}

Result<> Compute::ensure_auto_alpha(const Work& work) {
  if (!work.request->questions.auto_alpha) return {};
  const auto running = context(Step::auto_alpha, work, "auto alpha");
  const auto heads = looked_at(work);
  std::vector<AlphaPoint> scan;
  if (preview_inputs_) {
    scan = scan_alpha(*prompt_, *baseline_->run, *preview_inputs_, heads, default_alphas(),
                      [&] { return running.cancelled(); });
  }
  if (running.cancelled()) return fail(ErrorKind::cancelled, "cancelled");
  const auto found = std::make_shared<const AutoAlpha>(choose_alpha(std::move(scan)));
  board_.publish([&](Snapshot& snapshot) { snapshot.auto_alpha = found; });
  return {};
}

std::vector<HeadId> Compute::heads_to_ablate(const std::vector<HeadId>& wanted) const {
  std::vector<HeadId> missing;
  for (const HeadId head : wanted) {
    if (!drops_->heads.contains(head)) missing.push_back(head);
  }
  return missing;
}

void Compute::drops_belong_to_baseline() {
  const auto& key = baseline_->key.baseline;
  if (!drops_ || !(drops_->key == key)) drops_ = HeldDrops{key, 0, {}, {}};
}

Result<> Compute::measure_drops(const std::vector<HeadId>& heads, bool documents,
                                const RunContext& running) {
  const auto missing = heads_to_ablate(heads);
  if (missing.empty() && !documents) return {};
  HEADSCOPE_ASSIGN(const auto found,
                   runner_->causal_drops(*prompt_, *baseline_->run, documents, missing, running));
  drops_->log_probability = found.log_probability;
  if (documents) drops_->documents = found.documents;
  for (std::size_t i = 0; i < missing.size(); ++i) drops_->heads[missing[i]] = found.heads[i];
  publish_head_drops();
  return {};
}

void Compute::publish_head_drops() {
  auto known = std::make_shared<HeadDrops>();
  known->layers = model_->layers;
  known->heads = model_->heads;
  known->log_probability = drops_->log_probability;
  known->drop.assign(static_cast<std::size_t>(model_->layers) * model_->heads, NAN);
  for (const auto& [head, drop] : drops_->heads) {
    const auto at = static_cast<std::size_t>(head.layer) * model_->heads + head.head;
    if (at >= known->drop.size()) continue;
    known->drop[at] = static_cast<float>(drop);
    ++known->measured;
  }
  board_.publish([&](Snapshot& snapshot) { snapshot.head_drops = known; });
}

/// Drops do not depend on which heads are looked at, so that another choice of heads only ablates
/// those that were not yet.
Result<> Compute::ensure_causal(const Work& work) {
  if (!work.request->questions.causal || baseline_->run->response.empty()) {
    board_.publish([](Snapshot& snapshot) { snapshot.causal = nullptr; });
    return {};
  }
  const auto heads = looked_at(work);
  drops_belong_to_baseline();
  const bool documents = drops_->documents.size() != prompt_->documents.size();
  if (documents || !heads_to_ablate(heads).empty()) {
    HEADSCOPE_TRY(measure_drops(heads, documents, context(Step::causal, work, "causal check")));
  }
  CausalDrops drops{drops_->log_probability, drops_->documents, {}};
  for (const HeadId head : heads) drops.heads.push_back(drops_->heads[head]);
  const auto check =
      std::make_shared<const CausalCheck>(causal_check_of(*prompt_, *baseline_->run, heads, drops));
  board_.publish([&](Snapshot& snapshot) { snapshot.causal = check; });
  return {};
}

/// In batches, each shown when it is there and kept when the next one is cancelled.
Result<> Compute::ensure_head_drops(const Work& work) {
  constexpr std::size_t batch = 8;  // each costs a pass over the answer beside those of its heads
  constexpr const char* activity = "ablating every head";
  if (baseline_->run->response.empty()) return {};
  drops_belong_to_baseline();
  if (!drops_->heads.empty() && !board_.snapshot()->head_drops) publish_head_drops();
  if (!work.request->questions.head_drops) return {};
  std::vector<HeadId> every;
  for (int layer = 0; layer < model_->layers; ++layer) {
    for (int head = 0; head < model_->heads; ++head) every.push_back({layer, head});
  }
  const auto missing = heads_to_ablate(every);
  if (missing.empty()) return {};
  auto running = context(Step::head_drops, work, activity);
  // Whatever is asked meanwhile comes first: this takes minutes, and goes on where it stopped.
  running.is_cancelled = [this, &work] { return board_.overtaken(work); };
  std::size_t begin = 0;
  const auto known = static_cast<double>(every.size() - missing.size());
  running.on_progress = [show = running.on_progress, &begin, known,
                         all = static_cast<double>(every.size())](const Progress& progress) {
    Progress overall = progress;
    overall.done = known + static_cast<double>(begin) + progress.done;
    overall.total = all;
    show(overall);
  };
  for (; begin < missing.size(); begin += batch) {
    const auto from = missing.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto count = std::min(batch, missing.size() - begin);
    HEADSCOPE_TRY(measure_drops({from, from + static_cast<std::ptrdiff_t>(count)}, false, running));
  }
  return {};
}

}  // namespace headscope
