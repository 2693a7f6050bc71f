// What was done with a prompt before: steps of undo and redo, and the list of its runs. Part of a
// session's file, within a bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "app/views/run_log.h"
#include "core/base/error.h"
#include "core/base/json.h"
#include "core/engine/settings.h"

namespace headscope {

struct TabPast {
  std::vector<Request> undo, redo;  ///< the nearest last (History)
  std::vector<RunEntry> runs;       ///< oldest first
  std::uint64_t pinned_run = 0;     ///< number of the run that others are compared with; 0 = none
};

/// Adds the fields "undo", "redo", "runs", "pinned_run" and "prompts" to the JSON of a tab whose
/// prompt is `own`: no prompt is written twice. Of what is more than `most_bytes` the oldest is
/// left out.
void add_past(Json& tab, const TabPast& past, const PromptRequest& own, std::size_t most_bytes);

/// Reads them; a file without them has none. bad_input names the field.
Result<TabPast> past_from_json(const JsonObject& tab, const PromptRequest& own);

}  // namespace headscope
