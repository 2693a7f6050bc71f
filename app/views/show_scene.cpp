// Apart from lesson_state.cpp: lessons are read without the window.
#include "app/views/lesson_state.h"

namespace headscope {

void show_scene(const LessonScene& scene, AppState& state) {
  if (state.request.model != scene.model) state.choose_model(scene.model);
  if (scene.sample) {
    state.wish = *scene.sample;
    state.new_sample();
  } else if (scene.prompt) {
    const bool chat = state.request.prompt.chat;
    state.request.prompt = *scene.prompt;
    state.request.prompt.chat = chat;
  }
  state.request.intervention = scene.intervention;
  state.request.want_full_map = scene.full_map;
  state.request.map_region = {};
  const Palette palette = state.view.palette;
  state.view = scene.view;
  state.view.palette = palette;
  if (!scene.selected) return;
  const ModelInfo* model = state.snapshot->model.get();
  const bool fits = model == nullptr || state.snapshot->request.model != scene.model ||
                    (scene.selected->layer < model->layers && scene.selected->head < model->heads);
  if (fits) {
    state.select(*scene.selected);
  } else {
    state.notify(Notice::Kind::error, "This lesson speaks of head L" +
                                          std::to_string(scene.selected->layer) + " H" +
                                          std::to_string(scene.selected->head) +
                                          ", which the open model does not have.");
  }
}

}  // namespace headscope
