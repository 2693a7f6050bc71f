// The machine a measurement was made on.
#pragma once

#include "core/base/json.h"

namespace headscope::bench {

/// {"processor","cores","threads","memory_bytes","available_bytes","load_average","instructions",
/// "libtorch","headscope"}. `threads`: the number used. load_average: of the last minute, so that a
/// reader sees whether the machine had other work.
Json machine_facts(int threads);

/// The load average of the last minute; negative when unknown.
double load_average();

}  // namespace headscope::bench
