// A long prompt's whole map by groups, from the tiles of its source.
#pragma once

#include <memory>

#include "core/base/error.h"
#include "core/base/run_context.h"
#include "core/engine/prompt_groups.h"
#include "core/model/head_map.h"

namespace headscope {

/// Every weight of the map passes once, tile by tile: time grows with the square of the tokens,
/// memory does not. Errors: cancelled, out_of_memory.
Result<std::shared_ptr<const GroupedMap>> grouped_map(const HeadMapSource& source,
                                                      const PromptView& prompt,
                                                      TokenGrouping grouping,
                                                      const RunContext& context);

}  // namespace headscope
