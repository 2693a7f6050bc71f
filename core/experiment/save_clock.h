// When a long run saves what it has so far.
#pragma once

#include <chrono>

namespace headscope {

/// Every 30 s, so that a killed run has not been for nothing.
class SaveClock {
 public:
  /// True at most every 30 s; the next 30 s begin with it.
  bool is_time() {
    const auto now = Clock::now();
    if (now - last_ < std::chrono::seconds(30)) return false;
    last_ = now;
    return true;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_ = Clock::now();
};

}  // namespace headscope
