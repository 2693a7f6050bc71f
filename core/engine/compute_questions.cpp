// What is asked for beside the runs: a strength for focus directions, and the causal check.
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

/// Drops do not depend on which heads are looked at, so that another choice of heads only ablates
/// those that were not yet.
Result<> Compute::ensure_causal(const Work& work) {
  if (!work.request->questions.causal || baseline_->run->response.empty()) {
    board_.publish([](Snapshot& snapshot) { snapshot.causal = nullptr; });
    return {};
  }
  const auto heads = looked_at(work);
  const bool known = drops_ && drops_->key == baseline_->key.baseline;
  if (!known) drops_ = HeldDrops{baseline_->key.baseline, 0, {}, {}};
  const auto missing = heads_to_ablate(heads);
  const bool documents = drops_->documents.size() != prompt_->documents.size();
  if (documents || !missing.empty()) {
    const auto running = context(Step::causal, work, "causal check");
    HEADSCOPE_ASSIGN(const auto found,
                     runner_->causal_drops(*prompt_, *baseline_->run, documents, missing, running));
    drops_->log_probability = found.log_probability;
    if (documents) drops_->documents = found.documents;
    for (std::size_t i = 0; i < missing.size(); ++i) drops_->heads[missing[i]] = found.heads[i];
  }
  CausalDrops drops{drops_->log_probability, drops_->documents, {}};
  for (const HeadId head : heads) drops.heads.push_back(drops_->heads[head]);
  const auto check =
      std::make_shared<const CausalCheck>(causal_check_of(*prompt_, *baseline_->run, heads, drops));
  board_.publish([&](Snapshot& snapshot) { snapshot.causal = check; });
  return {};
}

}  // namespace headscope
