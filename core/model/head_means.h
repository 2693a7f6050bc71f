// Mean ablation: what the outputs of ablated heads are replaced by. Internal to core/model.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/run_context.h"
#include "core/model/decoder_engine.h"
#include "core/model/edit_tensors.h"

namespace headscope {

/// Fills OutputTensors::values of edits by the mean: the mean of the head's output over the rows of
/// the prompt `ids`, run once without any edit up to the last such layer. Nothing is run when no
/// edit asks for it. Throws Cancelled and what torch throws.
void fill_output_means(const DecoderEngine& engine, std::span<const std::int32_t> ids,
                       std::vector<LayerEditTensors>& edits, double memory_scale,
                       const RunContext& context);

}  // namespace headscope
