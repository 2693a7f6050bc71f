// Numbers as JSON.
#pragma once

#include "core/base/json.h"

namespace headscope {

/// A number as short as its float precision allows (0.1 instead of 0.10000000149); null when it is
/// not finite.
Json json_number(float value);
Json json_number(double value);  ///< as it is; null when it is not finite

}  // namespace headscope
