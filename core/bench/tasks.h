// What one measuring process does. A task is a JSON object that our own process and the Python
// peers of tests/peers read alike, so that all do the same work; its result is JSON too.
#pragma once

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/run_context.h"

namespace headscope::bench {

/// `task["task"]` is one of
///   "scores": one pass over "ids" with span sums of "sets" at "rows" for all heads, written to
///     "scores_file" as tensor "scores" [L, H, rows, sets]; as often as "samples" says (1).
///     -> {"seconds","loaded_bytes","peak_bytes","longest_poll_gap"}
///   "pass": one pass that keeps "capture" ("nothing", "spans" of "sets", "rows", "map" of one
///     head), "samples" times. -> {"seconds","loaded_bytes","peak_bytes"}
///   "cancel": the "scores" pass, begun once for each of "cancel_after" (seconds) and then
///   cancelled.
///     -> {"latencies":[seconds from the request to the return],"finished": runs that were done
///     before}
///   "estimate": what is said before that pass. -> {"seconds","bytes"}
///   "interventions": prefill of "ids" plain, with split-softmax and with focus on "edited_heads",
///     taking turns "repetitions" times. -> {"plain":[seconds],"split":[],"focus":[]}
///   "tokenizer": the texts in "texts_file" (a JSON list) encoded one after the other,
///   "repetitions"
///     times, with the tokenizer in the folder "model". -> {"seconds":[],"bytes","tokens"}
///   "directions": see direction_task.h; "rerun": see rerun_task.h; "sliders": see slider_task.h;
///   "limits": see limits_task.h.
/// Times leave out loading and a first short pass. Errors: bad_input for anything else.
Result<Json> run_task(const Json& task, const RunContext& context);

}  // namespace headscope::bench
