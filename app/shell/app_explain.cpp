// Commands of the views that explain one response: difference, logit lens, scores, candidates.
#include "app/shell/app.h"
#include "app/shell/layout.h"

namespace headscope {

void App::register_explain_commands() {
  AppState& s = state_;
  const auto view = [&](const char* id, const char* title, ImGuiKeyChord key) {
    commands_.add({id, title, "View", key, [this, title] { views_.show(title); }, {}, {}});
  };
  view("view.difference_view", titles::difference, ImGuiMod_Shift | ImGuiKey_D);
  view("view.lens", titles::lens, ImGuiMod_Shift | ImGuiKey_L);
  view("view.scores", titles::scores, ImGuiMod_Shift | ImGuiKey_S);
  const auto step = [&](const char* id, const char* name, ImGuiKeyChord key, int by) {
    commands_.add({id,
                   name,
                   "View",
                   key,
                   [&s, by] { s.step_token(by); },
                   [&s] { return s.baseline() != nullptr && !s.baseline()->response.empty(); },
                   {}});
  };
  step("token.previous", "Previous response token", ImGuiKey_LeftBracket, -1);
  step("token.next", "Next response token", ImGuiKey_RightBracket, 1);
  commands_.add({"token.candidates",
                 "Candidates at this response token",
                 "View",
                 ImGuiMod_Shift | ImGuiKey_C,
                 [&s] { s.show_candidates(s.candidates.token); },
                 [&s] { return s.baseline() != nullptr; },
                 {}});
}

}  // namespace headscope
