// The thread of the live preview: newest slider position wins, a few milliseconds each.
#pragma once

#include <thread>

#include "core/engine/board.h"

namespace headscope {
/// Runs as long as its board does.
class PreviewWorker {
 public:
  explicit PreviewWorker(Board& board) : thread_([&board] { loop(board); }) {}
  /// The board must have been stopped.
  void join() { thread_.join(); }

 private:
  static void loop(Board& board);
  static void preview(Board& board, const Work& work);

  std::thread thread_;
};

}  // namespace headscope
