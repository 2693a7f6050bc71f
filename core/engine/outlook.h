// What a run will take, in words, and whether it may begin.
#pragma once

#include <string>

#include "core/base/error.h"
#include "core/engine/snapshot.h"

namespace headscope {

/// Runs that take longer are announced before they begin.
inline constexpr double announced_seconds = 2;
/// Runs that take longer come with advice.
inline constexpr double long_seconds = 60;

/// "span sums" or "rows"; "automatic".
std::string keep_name(KeepAttention policy);

/// "3.1 GiB, about 40 s"; without the time where it is unknown.
std::string estimate_text(const PolicyEstimate& estimate);

/// What would make a long run shorter; empty for a run that is not long.
std::string long_run_advice(const PolicyEstimate& run);

/// out_of_memory when what was chosen does not fit: the message says what would.
Result<> require_room_for(const RunOutlook& outlook);

}  // namespace headscope
