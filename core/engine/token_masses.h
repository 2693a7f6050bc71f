// Which document took the attention, token by token.
#pragma once

#include <span>
#include <vector>

#include "core/engine/snapshot.h"

namespace headscope {

/// Mean over `heads` of the mass on every document and on the sink (last row) in each kept row of
/// `run`: [documents + 1, rows], row-major. Empty where the run has no sums of this prompt, or a
/// head is not the model's.
std::vector<float> token_masses(const PromptView& prompt, const RunResult& run,
                                std::span<const HeadId> heads);

}  // namespace headscope
