// A slider's work as a measuring process does it: strengths of focus directions changed over one
// prompt, the attention of the response rows of all heads seen each time, and new tokens.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/run_context.h"
#include "core/config/config.h"

namespace headscope::bench {

/// "model", "threads", "ids" (the prompt), "new_tokens", "rows_from" (first edited row),
/// "directions_file" (tensor "query" [L, H, head_dim]), "cells": [{"alpha","heads"}], and
/// "attention_file", to which the last cell's weights of rows P-1..P+n-1 go as "attention"
/// [L, H, rows, P + n].
///   ->
///   {"baseline_seconds","seconds":[cell],"tokens":[cell][id],"layer_rows":[cell],"all_layer_rows",
///   "peak_bytes"}. The baseline has run before, as in the window; its keys, values and residual
///   streams are at hand; with "alone" no run leaves anything to the next. With "together" the
///   cells decode side by side as in a sweep, and "seconds" is [all of them]. Throws what Json
///   throws.
Result<Json> run_rerun_task(const Json& task, const RunContext& context);

/// A cell of that task: `count` heads, or as many as there are, spread over `first_layer` and those
/// above it. The layer that a run can begin at is what its time depends on.
Json rerun_cell(const ModelConfig& config, double alpha, int first_layer, std::size_t count);

/// Cells of every alpha in {0.1, 0.2, 0.3} with every k in {5, 10, 20}.
std::vector<Json> rerun_grid(const ModelConfig& config, int first_layer);

/// Random directions of trained ones' length (norm about 20) for the rerun task's file.
Result<> write_random_directions(const ModelConfig& config, std::uint64_t seed,
                                 const std::string& file);

}  // namespace headscope::bench
