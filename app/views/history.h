// Undo and redo of everything that a request holds, without a line of code per setting.
#pragma once

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

 private:
  static constexpr std::size_t kMaxSteps = 200;
  bool step(std::vector<Request>& from, std::vector<Request>& to, Request& now);

  std::vector<Request> undo_, redo_;
  Request committed_;
  bool started_ = false;
};

}  // namespace headscope
