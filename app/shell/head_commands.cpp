// Commands for looking at heads: pins, likeness, layers, head sets, what the answer loses.
#include <imgui.h>

#include "app/shell/app.h"
#include "app/shell/layout.h"

namespace headscope {

void App::register_exploration_commands() {
  AppState& s = state_;
  const auto has_model = [&s] { return s.snapshot->model != nullptr; };
  const auto beside = [&](const char* id, const char* name, ImGuiKey key, int layers, int heads) {
    commands_.add({id,
                   name,
                   "Heads",
                   ImGuiMod_Alt | key,
                   [&s, layers, heads] { s.select_beside(layers, heads); },
                   has_model,
                   {},
                   layers < 0});
  };
  beside("heads.up", "Select the head of the layer before", ImGuiKey_UpArrow, -1, 0);
  beside("heads.down", "Select the head of the next layer", ImGuiKey_DownArrow, 1, 0);
  beside("heads.left", "Select the head on the left", ImGuiKey_LeftArrow, 0, -1);
  beside("heads.right", "Select the head on the right", ImGuiKey_RightArrow, 0, 1);
  commands_.add({"heads.layer", "Switch all heads of the selected layer", "Heads",
                 ImGuiMod_Ctrl | ImGuiKey_L, [&s] { s.toggle_layer(s.request.selected.layer); },
                 has_model, [&s] { return s.layer_is_on(s.request.selected.layer); }, true});
  commands_.add({"heads.pin", "Pin or unpin the selected head", "Heads", ImGuiKey_K,
                 [&s] { s.view.heads.toggle_pin(s.request.selected); }, has_model,
                 [&s] { return s.view.heads.is_pinned(s.request.selected); }});
  commands_.add({"heads.unpin",
                 "Unpin all heads",
                 "Heads",
                 0,
                 [&s] { s.view.heads.pinned.clear(); },
                 [&s] { return !s.view.heads.pinned.empty(); },
                 {}});
  commands_.add({"heads.like",
                 "Heads like the selected one",
                 "Heads",
                 ImGuiKey_H,
                 [&s] { s.show_like(s.request.selected); },
                 [&s] { return s.baseline() != nullptr; },
                 {}});
  commands_.add({"heads.load",
                 "Load a head set ...",
                 "Heads",
                 0,
                 [this] { ask_for_head_set(); },
                 has_model,
                 {},
                 true});
  commands_.add(
      {"heads.sets", "Head sets", "Heads", 0, [this] { views_.show(titles::head_sets); }, {}, {}});
  commands_.add({"run.head_drops", "Ablate every head: what the answer loses", "Prompt", 0,
                 [&s] { s.ask_head_drops(!s.request.questions.head_drops); },
                 [&s] {
                   return s.baseline() != nullptr && s.prompt_is_current() &&
                          !s.baseline()->response.empty();
                 },
                 [&s] { return s.request.questions.head_drops; }});
  commands_.add({"view.layer",
                 "Every head of one layer",
                 "View",
                 ImGuiKey_G,
                 [this] { views_.show(titles::layer); },
                 {},
                 {}});
}

}  // namespace headscope
