#include "app/views/history.h"

#include <algorithm>
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
  copy.threads = b.threads;  // of this machine, not of the work
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
  forget_old_steps();
  redo_.clear();
  committed_ = now;
  ++version_;
}

void History::forget_old_steps() {
  std::size_t kept = 0, bytes = 0;
  for (; kept < std::min(undo_.size(), most_steps); ++kept) {
    const std::size_t at = undo_.size() - 1 - kept;
    const SharedText& text = undo_[at].prompt.text;
    if (kept == 0 || !text.is(undo_[at + 1].prompt.text)) bytes += text.size();
    if (bytes > most_text_bytes && kept > 0) break;
  }
  undo_.erase(undo_.begin(), undo_.end() - static_cast<std::ptrdiff_t>(kept));
}

void History::restore(std::vector<Request> undo, std::vector<Request> redo) {
  undo_ = std::move(undo);
  redo_ = std::move(redo);
  started_ = false;
  ++version_;
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
  target.threads = now.threads;
  now = target;
  committed_ = std::move(target);
  ++version_;
  return true;
}

bool History::undo(Request& now) {
  observe(now, false);  // what was typed a moment ago is a step of its own
  return step(undo_, redo_, now);
}
bool History::redo(Request& now) {
  return step(redo_, undo_, now);
}

}  // namespace headscope
