#include "app/shell/signals.h"

#include <pthread.h>
#include <signal.h>

namespace headscope {
namespace {

sigset_t watched() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

SignalWatch::SignalWatch(std::function<void()> wake) {
  const sigset_t set = watched();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGXFSZ, SIG_IGN);  // a file beyond `ulimit -f` is an error of writing like others
  thread_ = std::thread([this, wake = std::move(wake), set] {
    int received = 0;
    while (!ending_ && !stopped_) {
      if (sigwait(&set, &received) != 0 || ending_) return;
      stopped_ = true;
      wake();
    }
  });
}

SignalWatch::~SignalWatch() {
  ending_ = true;
  pthread_kill(thread_.native_handle(), SIGTERM);
  thread_.join();
  const sigset_t set = watched();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace headscope
