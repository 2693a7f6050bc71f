// What a slider's move costs in the window's engine: preview, exact result, and dropping what is
// not wanted any more.
#pragma once

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/run_context.h"

namespace headscope::bench {

/// All: "model" ("demo" or a folder with tokenizer.json and directions.safetensors), "threads",
/// "tokens" of the prompt in 20 documents (0 = as it comes), "new_tokens", "seed", and "measure",
/// one of
///   "preview": the live preview of "heads" ([layer, head]) over all kept rows, "count" times with
///     the engine at rest, while a run goes on, and by moves 60 times a second.
///     -> {"tokens","keys","rows","heads","alone":[seconds],"computing":[],"moved":[from the move
///     to the snapshot],"overtaken": moves whose preview never came,"errors"}
///   "moves": "count" moves of alpha on the "top_k" heads of the shipped ranking, each after the
///     last one's exact result and a random moment. -> {"tokens","exact":[seconds],"preview":[],
///     "errors"}; "preview" lacks the moves whose exact result came first
///   "drop": "count" moves at random moments of whole runs on "heads", rows all.
///     -> {"dropped":[seconds from the move until the run has returned],"next":[until the next one
///     has begun],"finished": runs that were done before}
///   "restart": over a new prompt the baseline, then a run with each of "cells" ({"first_layer",
///     "heads","rows","slider": "alpha", or "tau", which is moved twice and timed the second
///     time}).
///     -> {"whole": seconds,"cells":[seconds]}
/// "errors": [{"alpha","tau","largest","mean","rows"}] of the preview's weights against the exact
/// ones at all of "alphas" with all of "taus"; rows = 0 where the tokens part at once. Times by the
/// clock. Throws what Json throws.
Result<Json> run_slider_task(const Json& task, const RunContext& context);

}  // namespace headscope::bench
