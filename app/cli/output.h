// Where results go.
#pragma once

#include <string>

#include "core/base/error.h"
#include "core/base/json.h"

namespace headscope::cli {

/// JSON to stdout, or whole to the file `out`. One line unless `indent` >= 0.
Result<> write_json(const Json& value, const std::string& out, int indent = -1);

/// A number as short as its float precision allows (0.1 instead of 0.10000000149); NaN is null.
Json json_number(float value);
Json json_number(double value);  ///< as it is; NaN is null

}  // namespace headscope::cli
