// Lessons: Markdown files whose steps set the window's state, ask questions and show figures.
//
//   ---
//   title: The sink
//   summary: Where attention waits when there is nothing to read.
//   minutes: 6
//   ---
//   ## A step
//   Text in Markdown. {sink L2H7} becomes the number that the window shows now.
//
//   ```window
//   "sample": {"kind": "similar", "documents": 20, "seed": 2}
//   "selected": [2, 7]
//   ```
//   ```question
//   Which tokens does it look at?
//   - [ ] the last ones
//   - [x] the first ones
//   > They stand at every prompt's beginning.
//   ```
//   ```figure
//   {"title": "Exact match", "bars": [{"label": "baseline", "value": 0.58}]}
//   ```
//
// A `window` block behind the step's question takes effect when the answer is revealed. Blocks add
// up from the first step on: what a step leaves out stays as the steps before it set it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/lesson/markdown.h"

namespace headscope {

/// Bars that are part of the text: measured numbers, with their intervals if they have one.
struct LessonFigure {
  /// One bar; the whisker where both ends are given.
  struct Bar {
    std::string label;
    double value = 0;
    std::optional<double> low, high;
  };
  std::string title, caption;
  std::vector<Bar> bars;  ///< not empty
  double most = 1;        ///< where the scale ends; it begins at 0
};

/// First predicted, then revealed.
struct LessonQuestion {
  Markdown text;
  std::vector<Markdown> choices;  ///< at least two
  std::size_t right = 0;
  Markdown explanation;
};

/// Changes of the window's state. Its keys are checked by the window (app/views/lesson_state.h).
struct LessonWindow {
  Json keys = Json::object();
  std::string where;       ///< "FILE line 12": begins messages about it
  bool on_reveal = false;  ///< stands behind the step's question
};

using LessonPart = std::variant<Markdown, LessonQuestion, LessonFigure>;
/// What is on the page at once.
struct LessonStep {
  std::string title;
  std::vector<LessonPart> parts;  ///< in the order of the file; at most one question
  std::vector<LessonWindow> windows;
  /// Null when the step asks nothing.
  const LessonQuestion* question() const;
};
/// One file.
struct Lesson {
  std::string id;  ///< name of its file without ".md"
  std::string title, summary;
  int minutes = 0;
  std::vector<LessonStep> steps;  ///< not empty
};

/// bad_input: "NAME line N: expected ..., found ...".
Result<Lesson> parse_lesson(std::string_view text, const std::string& name);
Result<Lesson> read_lesson(const std::filesystem::path& path);

/// A file of a folder of lessons, readable or not.
struct LessonFile {
  std::filesystem::path path;
  Result<Lesson> lesson;
};
/// Every *.md of the folders but README.md, by name; a folder that is not there has none. Of two
/// files of one name that of the later folder counts: a class can have its own version.
std::vector<LessonFile> read_lessons(const std::vector<std::filesystem::path>& folders);

}  // namespace headscope
