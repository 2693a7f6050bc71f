// Where results go.
#pragma once

#include <string>

#include "core/base/error.h"
#include "core/base/json_number.h"

namespace headscope::cli {

/// JSON to stdout, or whole to the file `out`. One line unless `indent` >= 0.
Result<> write_json(const Json& value, const std::string& out, int indent = -1);

}  // namespace headscope::cli
