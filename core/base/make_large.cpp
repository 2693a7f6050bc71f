#include "core/base/make_large.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/thread_priority.h"

namespace headscope {
namespace {

struct Remains {
  void* object;
  void (*destroy)(void*);
};

class Disposal {
 public:
  Disposal() {
    std::thread([this] { loop(); }).detach();
  }
  void add(Remains remains) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(remains);
    }
    ready_.notify_one();
  }

 private:
  void loop() {
    lower_priority(BackgroundWork::computing);
    for (;;) {
      std::vector<Remains> now;
      {
        std::unique_lock lock(mutex_);
        ready_.wait(lock, [this] { return !waiting_.empty(); });
        now.swap(waiting_);
      }
      for (const Remains& remains : now) remains.destroy(remains.object);
    }
  }

  std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<Remains> waiting_;
};

}  // namespace

void destroy_elsewhere(void* object, void (*destroy)(void*)) noexcept {
  try {
    // Never destroyed: values may be let go of after everything else has ended.
    static Disposal& disposal = *new Disposal;
    disposal.add({object, destroy});
  } catch (...) {  // no memory for it, or no thread
    destroy(object);
  }
}

}  // namespace headscope
