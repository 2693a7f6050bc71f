// Lessons: their list, and the step of the one that is open.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "app/views/lesson_state.h"
#include "app/views/widgets.h"

namespace headscope {

/// What somebody said to a step's question.
struct LessonAnswer {
  int chosen = -1;  ///< from 0; -1 = nothing
  bool revealed = false;
  friend bool operator==(const LessonAnswer&, const LessonAnswer&) = default;
};

/// How far a lesson has come.
struct LessonPlace {
  std::string name;  ///< of the lesson in the list, else its path
  std::size_t step = 0;
  std::vector<LessonAnswer> answers;  ///< of its steps
  friend bool operator==(const LessonPlace&, const LessonPlace&) = default;
};

class LessonPanel {
 public:
  /// A lesson of the list; `problem` says why it cannot be opened, with file and line.
  struct Entry {
    std::filesystem::path path;
    Lesson lesson;
    std::vector<LessonScenes> scenes;
    std::string problem;

    std::string name() const { return path.stem().string(); }
  };

  /// Reads the lessons of these folders, and again on `reload`. A lesson that is open stays at its
  /// step.
  void configure(std::vector<std::filesystem::path> folders);
  void reload(AppState& state);
  const std::vector<Entry>& entries() const { return entries_; }

  /// `name`: of the file, with or without the digits that order it ("02-sink", "sink"), or a path.
  /// bad_input: there is none, or it cannot be read.
  Result<> open(AppState& state, const std::string& name);
  void close();
  bool is_open() const { return open_ >= 0; }
  const Lesson* lesson() const { return is_open() ? &entry().lesson : nullptr; }
  std::size_t step() const { return step_; }

  /// Nothing while no lesson is open.
  std::optional<LessonPlace> place() const;
  /// Goes on from there without touching the window's state, which was kept on its own. bad_input:
  /// there is no such lesson any more.
  Result<> resume(const LessonPlace& place);
  /// Changes with `place`.
  std::uint64_t version() const { return version_; }

  bool can_move(int by) const;
  void move(AppState& state, int by);
  void show_step(AppState& state, std::size_t step);
  /// Sets the window's state as the step wants it; its question is asked anew.
  void reset_step(AppState& state);
  bool revealed() const { return is_open() && answer().revealed; }

  /// The step's question while its answer is hidden; null when there is none.
  const LessonQuestion* open_question() const;
  /// Chooses an answer, from 0; out of range or already revealed: nothing.
  void choose(std::size_t index);
  int chosen() const { return is_open() ? answer().chosen : -1; }
  /// Shows the answer, chosen or not: a class answers aloud.
  void reveal(AppState& state);

  /// Views that the step speaks of.
  const std::vector<std::string>& look_at() const;
  /// Draws the list or the step; `large` for presenting.
  void draw(ViewContext& context, bool large = false);

 private:
  const Entry& entry() const { return entries_[static_cast<std::size_t>(open_)]; }
  const LessonStep& current() const { return entry().lesson.steps[step_]; }
  const LessonScene& scene() const;
  LessonAnswer& answer() { return answers_[step_]; }
  const LessonAnswer& answer() const { return answers_[step_]; }
  int find(const std::string& name) const;
  Result<> take_up(const std::string& name);
  void apply(AppState& state);
  void list(ViewContext& context);
  void list_entry(ViewContext& context, const Entry& entry, int index);
  void header(ViewContext& context);
  void dots(ViewContext& context);
  void body(ViewContext& context, bool large);
  void views_line(ViewContext& context);
  void question(ViewContext& context, const LessonQuestion& question);
  void choice(ViewContext& context, const LessonQuestion& question, std::size_t index);
  void buttons(ViewContext& context, bool large);

  std::vector<std::filesystem::path> folders_;
  std::vector<Entry> entries_;
  int open_ = -1;
  std::size_t step_ = 0;
  std::vector<LessonAnswer> answers_;  ///< of the open lesson's steps
  std::uint64_t version_ = 0;
  bool to_top_ = false;  ///< another step: its text begins at the top
};

}  // namespace headscope
