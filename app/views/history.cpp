#include "app/views/history.h"

#include <utility>

namespace headscope {
namespace {

// Two requests that differ in navigation only are the same step.
bool same_settings(const Request& a, const Request& b) {
  Request copy = a;
  copy.selected = b.selected;
  copy.want_full_map = b.want_full_map;
  copy.map_region = b.map_region;
  copy.questions = b.questions;
  return copy == b;
}

}  // namespace

void History::observe(const Request& now, bool busy) {
  if (!started_) {
    committed_ = now;
    started_ = true;
    return;
  }
  if (busy || now == committed_) return;
  if (same_settings(now, committed_)) {
    committed_ = now;  // so that the next frames need no copy to see it
    return;
  }
  undo_.push_back(std::move(committed_));
  if (undo_.size() > kMaxSteps) undo_.erase(undo_.begin());
  redo_.clear();
  committed_ = now;
}

bool History::step(std::vector<Request>& from, std::vector<Request>& to, Request& now) {
  if (from.empty()) return false;
  to.push_back(now);
  Request target = std::move(from.back());
  from.pop_back();
  target.selected = now.selected;
  target.want_full_map = now.want_full_map;
  target.map_region = now.map_region;
  target.questions = now.questions;
  now = target;
  committed_ = std::move(target);
  return true;
}

bool History::undo(Request& now) {
  return step(undo_, redo_, now);
}
bool History::redo(Request& now) {
  return step(redo_, undo_, now);
}

}  // namespace headscope
