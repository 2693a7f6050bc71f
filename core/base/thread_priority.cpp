#include "core/base/thread_priority.h"

#include <atomic>

#include "core/base/platform.h"

namespace headscope {
namespace {

std::atomic<bool> priorities_are_kept{false};

}  // namespace

void keep_priorities() {
  priorities_are_kept = true;
}

void lower_priority(BackgroundWork work) {
  if (!priorities_are_kept) platform::set_niceness(work == BackgroundWork::computing ? 10 : 5);
}

}  // namespace headscope
