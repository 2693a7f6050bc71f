#include "core/base/thread_priority.h"

#ifdef __linux__
#include <sys/resource.h>
#include <unistd.h>
#endif

namespace headscope {

void lower_priority([[maybe_unused]] BackgroundWork work) {
#ifdef __linux__
  const int niceness = work == BackgroundWork::computing ? 10 : 5;
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), niceness);
#endif
}

}  // namespace headscope
