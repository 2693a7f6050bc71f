// What a run will take, said before it begins.
#pragma once

#include <string>

#include "app/cli/terminal.h"
#include "core/engine/snapshot.h"

namespace headscope::cli {

/// One line on stderr before a run of more than about two seconds: "estimate: 4,096 tokens, 3.1
/// GiB, about 40 s (span sums)", and what would take less when it is minutes. `run`: the
/// estimate that holds; `kept`: in words; `times`: how often such a run is made.
void announce(ProgressPrinter& progress, const RunOutlook& outlook, PolicyEstimate run,
              const std::string& kept, std::int64_t times = 1);

}  // namespace headscope::cli
