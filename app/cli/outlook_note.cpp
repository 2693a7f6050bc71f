#include "app/cli/outlook_note.h"

#include "core/base/units.h"
#include "core/engine/outlook.h"

namespace headscope::cli {

void announce(ProgressPrinter& progress, const RunOutlook& outlook, PolicyEstimate run,
              const std::string& kept, std::int64_t times) {
  const std::string advice = long_run_advice(run);  // of one run: many are many anyhow
  run.seconds *= static_cast<double>(times);
  if (run.seconds < announced_seconds) return;
  const std::string samples = times > 1 ? count_text(times) + " samples of about " : "";
  progress.note("estimate: " + samples + count_text(outlook.prompt_tokens + outlook.new_tokens) +
                " tokens, " + estimate_text(run) + " (" + kept + ")");
  if (!advice.empty()) progress.note("note: " + advice);
}

}  // namespace headscope::cli
