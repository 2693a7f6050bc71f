// Undo and redo of everything that a request holds, without a line of code per setting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/engine/settings.h"

namespace headscope {

/// Remembers requests. A change that goes on (a slider being dragged, a text being typed) counts as
/// one step: `observe` is called every frame with `busy` true while it lasts.
class History {
 public:
  /// Notes the state at the end of a frame. Which head is selected is navigation, not a change.
  void observe(const Request& now, bool busy);
  bool can_undo() const { return !undo_.empty(); }
  bool can_redo() const { return !redo_.empty(); }
  /// Replaces `now` by the state before or after; the selection stays. False when there is none.
  bool undo(Request& now);
  bool redo(Request& now);

  /// Steps back and forward, the nearest last.
  const std::vector<Request>& undo_steps() const { return undo_; }
  const std::vector<Request>& redo_steps() const { return redo_; }
  /// Of another start of the program. What is there at the next `observe` stands between them.
  void restore(std::vector<Request> undo, std::vector<Request> redo);
  /// Changes with the steps.
  std::uint64_t version() const { return version_; }

  static constexpr std::size_t most_steps = 200;
  /// Of prompts' texts, those that several steps share counted once.
  static constexpr std::size_t most_text_bytes = std::size_t{32} << 20;

 private:
  bool step(std::vector<Request>& from, std::vector<Request>& to, Request& now);

  std::vector<Request> undo_, redo_;
  Request committed_;
  bool started_ = false;
  std::uint64_t version_ = 0;

  void forget_old_steps();
};

}  // namespace headscope
