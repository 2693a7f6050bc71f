// A splitting as sessions and `--split @FILE` hold it.
#pragma once

#include "core/base/json.h"
#include "core/text/splitting.h"

namespace headscope {

/// {"method", "pattern", "documents": [{"line": [begin, end], "text": [begin, end], "number"}]}
Json to_json(const Splitting& splitting);
/// bad_input names the field. Bounds are checked against a text by split_prompt.
Result<Splitting> splitting_from_json(const JsonObject& object);

}  // namespace headscope
