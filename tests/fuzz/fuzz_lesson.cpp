// links: headscope_app_files
// longest: 4096
// words: core/lesson/*.cpp app/views/lesson_state.cpp app/shell/user_files.cpp
#include "app/views/lesson_state.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;

FUZZ_READER(lesson) {
  const std::string_view text = fuzz::text_of(input);
  (void)parse_markdown(text, "input", 1);
  const auto lesson = parse_lesson(text, "input.md");
  if (!lesson) return;
  fuzz::require(!lesson->steps.empty() && lesson->minutes > 0, "a lesson has steps");
  for (const LessonStep& step : lesson->steps) {
    const LessonQuestion* question = step.question();
    fuzz::require(question == nullptr || question->right < question->choices.size(),
                  "one of the choices is right");
  }
  const auto scenes = scenes_of(*lesson);
  fuzz::require(!scenes || scenes->size() == lesson->steps.size(), "a scene a step");
}
