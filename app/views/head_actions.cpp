// What is done to heads by click: picking layers, head sets, likeness. Part of AppState.
#include <algorithm>
#include <filesystem>

#include "app/views/app_state.h"

namespace headscope {

void AppState::select_beside(int layers, int heads) {
  if (!snapshot->model) return;
  const HeadId from = request.selected;
  select({std::clamp(from.layer + layers, 0, snapshot->model->layers - 1),
          std::clamp(from.head + heads, 0, snapshot->model->heads - 1)});
}

bool AppState::layer_is_on(int layer) const {
  if (!snapshot->model) return false;
  const std::vector<HeadId> on = chosen();
  const auto count =
      std::count_if(on.begin(), on.end(), [&](HeadId head) { return head.layer == layer; });
  return count == snapshot->model->heads;
}

void AppState::toggle_layer(int layer) {
  if (!snapshot->model || layer < 0 || layer >= snapshot->model->layers) return;
  std::vector<HeadId> heads;
  for (int head = 0; head < snapshot->model->heads; ++head) heads.push_back({layer, head});
  combine_heads(layer_is_on(layer) ? HeadSetOperation::subtract : HeadSetOperation::unite, heads);
}

void AppState::use_heads(const std::vector<HeadId>& heads) {
  InterventionSettings& settings = request.intervention;
  settings.choice = HeadChoice::picked;
  settings.picked = heads;
  if (snapshot->model) {
    settings.picked = first_heads(heads, static_cast<int>(heads.size()), snapshot->model->layers,
                                  snapshot->model->heads);
  }
  std::sort(settings.picked.begin(), settings.picked.end());
}

void AppState::combine_heads(HeadSetOperation operation, const std::vector<HeadId>& heads) {
  use_heads(combined_heads(chosen(), operation, heads));
}

bool AppState::save_heads(const std::string& name) {
  const auto saved = [&]() -> Result<> {
    if (!snapshot->model) return fail(ErrorKind::usage, "Open a model first.");
    const ModelInfo& model = *snapshot->model;
    return head_sets.save(name, model.layers, model.heads, chosen(), model.name);
  }();
  if (!saved) notify(Notice::Kind::error, saved.error().message);
  return saved.has_value();
}

void AppState::open_head_set(const std::string& path) {
  const auto taken = [&]() -> Result<> {
    if (!snapshot->model) return fail(ErrorKind::usage, path + ": open a model first.");
    HEADSCOPE_ASSIGN(const auto set, read_head_set(path));
    HEADSCOPE_TRY(check_fits(set, path, snapshot->model->layers, snapshot->model->heads));
    SavedHeads saved;
    saved.set = set;
    if (head_sets.configured()) {
      HEADSCOPE_ASSIGN(saved.name, head_sets.import(path));
    } else {
      saved.name = std::filesystem::path(path).stem().string();
    }
    use_heads(saved.heads(request.intervention.top_k));
    notify(Notice::Kind::info, "Head set " + saved.name + ": " +
                                   std::to_string(request.intervention.picked.size()) +
                                   (saved.is_ranking() ? " best" : "") + " heads are acted on.");
    return {};
  }();
  if (!taken) notify(Notice::Kind::error, taken.error().message);
}

void AppState::show_like(HeadId head) {
  view.heads.like = head;
  view.score = MapScore::similar;
  view.heads.sort = HeadColumn::similar;
  view.heads.descending = true;
}

void AppState::ask_head_drops(bool wanted) {
  request.questions.head_drops = wanted;
  ablated_ = request;
}

}  // namespace headscope
