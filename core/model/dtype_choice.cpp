#include "core/model/dtype_choice.h"

#include <algorithm>
#include <cstdio>
#include <thread>

#include <ATen/Parallel.h>

#include "core/model/estimate.h"

namespace headscope {
namespace {

constexpr double kGain = 1.2;  // below it, the digits are worth more than the time
constexpr std::int64_t kPrompt = 2000, kAnswer = 50;

bool has_bfloat16_arithmetic() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return true;  // the measurement will tell
#endif
}

std::string times(double factor) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f times", factor);
  return text;
}

/// All cores, for as long as it lives: what is decided shall not depend on --threads.
class AllCores {
 public:
  AllCores() {
    at::set_num_threads(std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
  }
  ~AllCores() { at::set_num_threads(before_); }
  AllCores(const AllCores&) = delete;
  AllCores& operator=(const AllCores&) = delete;

 private:
  int before_ = at::get_num_threads();
};

DtypeChoice by_measurement(const ModelConfig& config) {
  const AllCores threads;
  const auto run = [&](const std::string& dtype) {
    return estimate_run(config, kPrompt, kAnswer, plan_of(nullptr, 0, 1), dtype, "cpu");
  };
  const RunEstimate wide = run("float32"), narrow = run("bfloat16");
  const double gain = wide.seconds() / narrow.seconds();
  const std::string measured = "measured on this machine: bfloat16 reads prompts " +
                               times(wide.prefill_seconds / narrow.prefill_seconds) +
                               " as fast as float32 and answers " +
                               times(wide.decode_seconds / narrow.decode_seconds) + " as fast";
  if (gain >= kGain) return {"bfloat16", "stored so, and " + measured};
  return {"float32", "stored as bfloat16; " + measured};
}

}  // namespace

DtypeChoice usual_dtype(const ModelConfig& config, bool on_card) {
  const std::string& stored = config.stored_dtype;
  if (config.quantised) return {"bfloat16", ""};  // its own note says so (gguf_source.cpp)
  if (on_card) {
    return {stored == "float32" || stored == "float16" ? stored : std::string("bfloat16"), ""};
  }
  if (stored != "bfloat16") return {"float32", ""};
  if (!has_bfloat16_arithmetic())
    return {"float32", "stored as bfloat16; this processor has no arithmetic for it"};
  return by_measurement(config);
}

}  // namespace headscope
