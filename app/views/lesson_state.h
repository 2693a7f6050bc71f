// What the steps of a lesson make of the window: blocks of keys, added up, as a state to show.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/views/app_state.h"
#include "core/lesson/lesson.h"

namespace headscope {

/// All that a step fixes. What it does not name is as in a new window.
struct LessonScene {
  std::string model = "demo";
  std::optional<SampleWish> sample;     ///< of the embedded model's world, or
  std::optional<PromptRequest> prompt;  ///< a prompt of its own; neither: the prompt stays
  InterventionSettings intervention;
  std::optional<HeadId> selected;
  bool full_map = false;
  ViewOptions view;
  std::vector<std::string> look_at;  ///< titles of views that the step speaks of; for it alone
};

struct LessonScenes {
  LessonScene entered;
  LessonScene revealed;  ///< after the question's answer; the next step goes on from here
};

/// A pair for every step. Keys of a window block: "sample" {"kind", "documents", "seed"}, "prompt"
/// {"text", "gold_document", "answers"}, "intervention", "selected", "full_map" and "model" as in a
/// session file, "head_score", "head_source", "map_source" and "map_logarithmic" as in the
/// preferences, "bars_of_selected", "look_at" [titles of views]. bad_input names file, line and
/// key.
Result<std::vector<LessonScenes>> scenes_of(const Lesson& lesson);

/// Puts the scene into the request and the views, as one step of undo.
void show_scene(const LessonScene& scene, AppState& state);

}  // namespace headscope
