// SIGINT and SIGTERM close the window as its button does, so that nothing is lost.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

namespace headscope {

/// While it lives, the two signals only set `stopped` and call `wake` from a thread of its own.
/// Make it before other threads: they inherit that the signals are not theirs.
class SignalWatch {
 public:
  explicit SignalWatch(std::function<void()> wake);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  bool stopped() const { return stopped_; }

 private:
  std::atomic<bool> stopped_ = false, ending_ = false;
  std::thread thread_;
};

}  // namespace headscope
