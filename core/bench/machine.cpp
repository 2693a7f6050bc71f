#include "core/bench/machine.h"

#include <thread>

#include <ATen/Version.h>

#include "core/base/platform.h"
#include "core/base/version.h"
#include "core/model/device_report.h"

namespace headscope::bench {

double load_average() {
  return platform::machine().load;
}

Json machine_facts(int threads) {
  const platform::Machine machine = platform::machine();
  return {{"processor", machine.processor},
          {"cores", std::thread::hardware_concurrency()},
          {"threads", threads},
          {"memory_bytes", machine.memory_bytes},
          {"available_bytes", machine.free_bytes},
          {"load_average", machine.load},
          {"system", machine.system},
          {"instructions", at::get_cpu_capability()},
          {"libtorch", device_report().libtorch_version},
          {"headscope", kVersion}};
}

}  // namespace headscope::bench
