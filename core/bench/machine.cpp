#include "core/bench/machine.h"

#include <sys/utsname.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include <ATen/Version.h>

#include "core/base/version.h"
#include "core/model/device_report.h"

namespace headscope::bench {
namespace {

// First line "name : value" of a /proc file; empty when there is none.
std::string proc_value(const char* file, const std::string& name) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    const auto colon = line.find(':');
    const auto begin = line.find_first_not_of(" \t", colon + 1);
    if (colon != std::string::npos && begin != std::string::npos) return line.substr(begin);
  }
  return {};
}

std::int64_t memory_value(const std::string& name) {
  return std::strtoll(proc_value("/proc/meminfo", name).c_str(), nullptr, 10) * 1024;
}

std::string kernel() {
  utsname names{};
  return ::uname(&names) == 0
             ? std::string(names.sysname) + " " + names.release + " " + names.machine
             : std::string();
}

}  // namespace

double load_average() {
  double load = -1;
  return ::getloadavg(&load, 1) == 1 ? load : -1;
}

Json machine_facts(int threads) {
  return {{"processor", proc_value("/proc/cpuinfo", "model name")},
          {"cores", std::thread::hardware_concurrency()},
          {"threads", threads},
          {"memory_bytes", memory_value("MemTotal")},
          {"available_bytes", memory_value("MemAvailable")},
          {"load_average", load_average()},
          {"system", kernel()},
          {"instructions", at::get_cpu_capability()},
          {"libtorch", device_report().libtorch_version},
          {"headscope", kVersion}};
}

}  // namespace headscope::bench
