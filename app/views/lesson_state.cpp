#include "app/views/lesson_state.h"

#include <algorithm>
#include <array>
#include <utility>

#include "app/shell/layout.h"
#include "app/shell/user_files.h"
#include "core/demo_world/demo_world.h"

namespace headscope {
namespace {

constexpr std::array kKeys = {"sample",     "prompt",          "intervention",     "selected",
                              "full_map",   "model",           "head_score",       "head_source",
                              "map_source", "map_logarithmic", "bars_of_selected", "look_at"};
constexpr std::array kSettings = {
    "tau",          "alpha",     "top_k",          "heads", "random_seed",     "picked",
    "rows",         "rows_from", "key_directions", "span",  "marked_document", "also",
    "also_strength"};
constexpr std::array kSample = {"kind", "documents", "seed"};
constexpr std::array kPrompt = {"text", "gold_document", "answers"};
constexpr std::array kKinds = {"similar", "neutral", "mixed"};

template <std::size_t N>
bool is_one_of(const std::array<const char*, N>& names, const std::string& name) {
  return std::any_of(names.begin(), names.end(), [&](const char* n) { return name == n; });
}

template <std::size_t N>
std::string listed(const std::array<const char*, N>& names) {
  std::string text = "one of";
  for (const char* name : names) text += (name == names[0] ? " " : ", ") + std::string(name);
  return text;
}

// A key that nobody reads would be a mistake that nobody sees.
template <std::size_t N>
Result<> only(const JsonObject& object, const std::array<const char*, N>& keys) {
  for (const auto& [key, value] : object.value().items()) {
    if (!is_one_of(keys, key))
      return bad_input(object.name() + ": there is no key '" + key + "' here; expected " +
                       listed(keys));
  }
  return {};
}

Result<SampleWish> sample_from(const JsonObject& o) {
  HEADSCOPE_TRY(only(o, kSample));
  SampleWish wish;
  HEADSCOPE_ASSIGN(const std::string kind, o.string_or("kind", kKinds[0]));
  if (!is_one_of(kKinds, kind)) return tl::unexpected<Error>(o.wrong("kind", listed(kKinds)));
  const auto at = std::find(kKinds.begin(), kKinds.end(), kind);
  wish.kind = static_cast<SampleKind>(at - kKinds.begin());
  if (o.has("documents")) {
    HEADSCOPE_ASSIGN(const std::int64_t documents, o.integer("documents", 1, demo_max_documents));
    wish.documents = static_cast<int>(documents);
  }
  HEADSCOPE_ASSIGN(const std::int64_t seed, o.integer("seed", 0));
  wish.seed = static_cast<std::uint64_t>(seed);
  return wish;
}

Result<PromptRequest> prompt_from(const JsonObject& o) {
  HEADSCOPE_TRY(only(o, kPrompt));
  PromptRequest prompt;
  HEADSCOPE_ASSIGN(prompt.text, o.string("text"));
  if (o.has("gold_document")) {
    HEADSCOPE_ASSIGN(const std::int64_t gold, o.integer("gold_document", -1, 1 << 20));
    prompt.gold_document = static_cast<int>(gold);
  }
  if (o.has("answers")) {
    HEADSCOPE_ASSIGN(prompt.answers, o.strings("answers"));
  }
  return prompt;
}

Result<> take_prompt(const JsonObject& o, LessonScene& scene) {
  if (o.has("sample")) {
    HEADSCOPE_ASSIGN(const JsonObject sample, o.object("sample"));
    HEADSCOPE_ASSIGN(scene.sample, sample_from(sample));
    scene.prompt.reset();
  }
  if (o.has("prompt")) {
    HEADSCOPE_ASSIGN(const JsonObject prompt, o.object("prompt"));
    HEADSCOPE_ASSIGN(scene.prompt, prompt_from(prompt));
    scene.sample.reset();
  }
  return {};
}

Result<> take_views(const JsonObject& o, LessonScene& scene) {
  HEADSCOPE_TRY(view_from_json(o, scene.view));
  HEADSCOPE_ASSIGN(scene.view.bars_of_selected,
                   o.boolean_or("bars_of_selected", scene.view.bars_of_selected));
  if (!o.has("look_at")) return {};
  HEADSCOPE_ASSIGN(scene.look_at, o.strings("look_at"));
  for (const std::string& title : scene.look_at) {
    if (!is_one_of(titles::all, title))
      return bad_input(o.name() + ": field 'look_at': there is no view '" + title + "'; expected " +
                       listed(titles::all));
  }
  return {};
}

Result<> add_block(const LessonWindow& window, LessonScene& scene) {
  HEADSCOPE_ASSIGN(const JsonObject o, JsonObject::open(window.keys, window.where));
  HEADSCOPE_TRY(only(o, kKeys));
  HEADSCOPE_ASSIGN(scene.model, o.string_or("model", scene.model));
  HEADSCOPE_TRY(take_prompt(o, scene));
  if (o.has("intervention")) {
    HEADSCOPE_ASSIGN(const JsonObject settings, o.object("intervention"));
    HEADSCOPE_TRY(only(settings, kSettings));
    HEADSCOPE_ASSIGN(scene.intervention, settings_from_json(settings, scene.intervention));
  }
  HEADSCOPE_ASSIGN(const auto selected, selected_from_json(o));
  if (selected) scene.selected = selected;
  HEADSCOPE_ASSIGN(scene.full_map, o.boolean_or("full_map", scene.full_map));
  return take_views(o, scene);
}

}  // namespace

Result<std::vector<LessonScenes>> scenes_of(const Lesson& lesson) {
  std::vector<LessonScenes> scenes;
  LessonScene scene;
  for (const LessonStep& step : lesson.steps) {
    scene.look_at.clear();
    LessonScenes pair;
    for (const bool revealed : {false, true}) {
      for (const LessonWindow& window : step.windows) {
        if (window.on_reveal == revealed) HEADSCOPE_TRY(add_block(window, scene));
      }
      (revealed ? pair.revealed : pair.entered) = scene;
    }
    scenes.push_back(std::move(pair));
  }
  return scenes;
}

}  // namespace headscope
