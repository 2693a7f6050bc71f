#include "core/engine/steps.h"

#include <algorithm>
#include <cmath>

#include "core/engine/engine.h"
#include "core/intervention/method.h"

namespace headscope {

bool same_model(const Request& a, const Request& b) {
  return a.model == b.model && a.adapter == b.adapter && a.device == b.device &&
         a.dtype == b.dtype && a.threads == b.threads;
}

bool same_load(const Request& a, const Request& b) {
  const InterventionSettings &x = a.intervention, &y = b.intervention;
  return same_model(a, b) && x.directions == y.directions && x.directions_hash == y.directions_hash;
}

bool same_baseline(const Request& a, const Request& b) {
  return same_model(a, b) && a.prompt.chat == b.prompt.chat &&
         a.row_convention == b.row_convention && a.max_new_tokens == b.max_new_tokens &&
         a.prompt.text == b.prompt.text && a.prompt.splitting == b.prompt.splitting;
}

BaselineKey baseline_key(const Request& request) {
  return {
      request.model,          request.adapter,       request.device,           request.dtype,
      request.threads,        request.prompt.text,   request.prompt.splitting, request.prompt.chat,
      request.row_convention, request.max_new_tokens};
}

GradeKey grade_key(const PromptRequest& prompt) {
  return {prompt.gold_documents(), prompt.answers};
}

std::vector<HeadId> ranking_of(const ModelInfo& model, const RunResult* baseline) {
  if (!model.known_ranking.empty() || baseline == nullptr) return model.known_ranking;
  const auto& score = baseline->scores.relevant;
  const bool scored =
      std::any_of(score.begin(), score.end(), [](float s) { return !std::isnan(s); });
  if (!scored) return {};
  return rank_heads(score, baseline->layers, baseline->heads);
}

std::vector<HeadId> looked_at_heads(const Request& request, const ModelInfo& model,
                                    const RunResult* baseline) {
  auto heads =
      chosen_heads(request.intervention, ranking_of(model, baseline), model.layers, model.heads);
  if (heads.empty()) heads = {request.selected};
  return heads;
}

Applied applied_settings(const Request& request, const ModelInfo& model, const PromptView& prompt,
                         const RunResult* baseline, std::vector<HeadId>* heads_in_order) {
  const auto& settings = request.intervention;
  Applied applied;
  const auto marked = marked_among(settings, request.prompt.gold_documents(),
                                   static_cast<int>(prompt.documents.size()));
  const bool marks = !marked.empty();
  if (marks && settings.tau != 1) {
    applied.tau = settings.tau;
    applied.marked = marked;
  }
  const InterventionMethod* also = find_method(settings.also);
  if (also != nullptr && (marks || !also->marks_keys)) {
    applied.also = settings.also;
    applied.also_strength = settings.also_strength;
    if (also->marks_keys) applied.marked = marked;
  }
  applied.alpha = settings.alpha;
  if (settings.alpha != 0) {
    applied.directions = settings.directions;
    applied.directions_hash = settings.directions_hash;
  }
  applied.use_key_directions = settings.use_key_directions && settings.alpha != 0;
  applied.rows = settings.rows;
  const bool acts = applied.tau != 1 || applied.alpha != 0 || !applied.also.empty();
  if (settings.is_identity() || !acts) return {};
  applied.heads = chosen_heads(settings, ranking_of(model, baseline), model.layers, model.heads);
  if (heads_in_order != nullptr) *heads_in_order = applied.heads;
  std::sort(applied.heads.begin(), applied.heads.end());
  return applied.heads.empty() ? Applied{} : applied;
}

}  // namespace headscope
