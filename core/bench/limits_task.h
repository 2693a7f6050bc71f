// How far the model is from what this machine can do: its own matrix products and attention bare,
// and its weights read once.
#pragma once

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/run_context.h"

namespace headscope::bench {

/// All: "model" (folder), "dtype", "threads", "ids" (a prompt), "new_tokens", and "measure", one of
///   "speed": "repetitions" times in turn a prefill of "ids", the matrix products of that prefill
///     and its fused attention on the same weights with nothing between them, the decoding of
///     "new_tokens" after a short prompt, and reading the bytes of those weights that a token
///     needs.
///     -> {"prefill":[seconds],"products":[],"attention":[],"token":[seconds a token],"reading":[],
///     "tokens","product_operations","attention_operations","bytes"}
///   "memory": loading, and one run over "ids". "small_model" runs before, so that the program, its
///     libraries and what they keep are not counted.
///     -> {"before_bytes","loaded_bytes","peak_bytes","weights_bytes","cache_bytes"}
/// Throws what Json and torch throw.
Result<Json> run_limits_task(const Json& task, const RunContext& context);

}  // namespace headscope::bench
