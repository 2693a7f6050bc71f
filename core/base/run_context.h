// How long work reports progress and learns that nobody wants its result any more.
#pragma once

#include <atomic>
#include <functional>
#include <string>

namespace headscope {

/// One progress message: `done` of `total` units of `what` ("prefill", "sample", "layer" ...).
struct Progress {
  std::string what;
  double done = 0;
  double total = 0;  ///< 0 = unknown
};

/// Handed down through every long computation. Cheap to poll: check `cancelled()` at least every
/// 50 ms (per layer, per row block, per token, per sample) and return ErrorKind::cancelled.
struct RunContext {
  std::function<bool()> is_cancelled;                ///< may be empty
  std::function<void(const Progress&)> on_progress;  ///< may be empty; called on the working thread
  std::function<void(const std::string& text, bool finished)>
      on_text;  ///< streamed response so far

  bool cancelled() const { return is_cancelled && is_cancelled(); }
  void progress(const std::string& what, double done, double total) const {
    if (on_progress) on_progress({what, done, total});
  }
};

}  // namespace headscope
