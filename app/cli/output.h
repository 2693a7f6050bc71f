// Where results go.
#pragma once

#include <string>

#include "core/base/error.h"
#include "core/base/json_number.h"

namespace headscope::cli {

/// JSON to stdout, or whole to the file `out`. One line unless `indent` >= 0.
Result<> write_json(const Json& value, const std::string& out, int indent = -1);

/// The same; a file also says of which kind it is ("headscope": KIND, whose schema is
/// assets/schemas/KIND.schema.json) and what made it (made_by.h).
Result<> write_result(const char* kind, Json value, const std::string& out, int indent = -1);

}  // namespace headscope::cli
