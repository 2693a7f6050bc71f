// Heads, and numbers of every head, as they stand in all result files.
#pragma once

#include <vector>

#include "core/base/json.h"
#include "core/base/types.h"

namespace headscope {

/// [[layer, head], ...].
Json heads_json(const std::vector<HeadId>& heads);

/// A row a layer of `values` [layers * heads]; null where a number is not finite. Written as
/// doubles, so that the same floats are read back.
Json head_map_json(const std::vector<float>& values, int layers, int heads);

}  // namespace headscope
