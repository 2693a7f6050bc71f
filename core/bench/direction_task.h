// Direction training as a measuring process does it.
#pragma once

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/run_context.h"

namespace headscope::bench {

/// "model", "threads", "samples": [{"ids","rows","gold"}], "init_file" (seed, written here when
/// "write_init"), "epochs", "learning_rate", "seed".
///   -> {"collect_seconds","train_seconds","peak_bytes","losses":[layer][epoch]}
/// Throws what Json throws.
Result<Json> run_directions_task(const Json& task, const RunContext& context);

}  // namespace headscope::bench
