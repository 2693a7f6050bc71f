#include "core/engine/outlook.h"

#include <algorithm>

#include "core/base/units.h"

namespace headscope {

std::string keep_name(KeepAttention policy) {
  switch (policy) {
    case KeepAttention::automatic:
      return "automatic";
    case KeepAttention::spans:
      return "span sums";
    case KeepAttention::rows:
      return "rows";
  }
  return "";
}

std::string estimate_text(const PolicyEstimate& estimate) {
  const std::string memory = memory_text(estimate.bytes);
  return estimate.seconds > 0 ? memory + ", " + duration_text(estimate.seconds) : memory;
}

std::string long_run_advice(const PolicyEstimate& run) {
  if (run.seconds < long_seconds) return {};
  return "a model of this size needs minutes for a prompt of this length on this machine; a "
         "shorter "
         "prompt, response rows only, or a smaller model takes less";
}

Result<> require_room_for(const RunOutlook& outlook) {
  const PolicyEstimate& run = outlook.of_run();
  if (run.fits) return {};
  std::string message = "keeping " + keep_name(outlook.chosen) + " of " +
                        count_text(outlook.prompt_tokens + outlook.new_tokens) +
                        " tokens needs about " + memory_text(run.bytes) + ", but only " +
                        memory_text(outlook.free_bytes) + " are free; ";
  if (outlook.chosen == KeepAttention::rows && outlook.spans.fits) {
    message += "span sums need " + memory_text(outlook.spans.bytes) + " and would fit";
  } else {
    const double share = outlook.free_bytes / std::max(outlook.spans.bytes, 1.0);
    const auto fit = static_cast<std::int64_t>(share * static_cast<double>(outlook.prompt_tokens));
    message += "about " + count_text(fit) + " prompt tokens would fit";
  }
  return fail(ErrorKind::out_of_memory, message);
}

}  // namespace headscope
