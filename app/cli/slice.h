// Python's slices on the command line: "2:5", "-5:", ":3", ":".
#pragma once

#include <cstdint>
#include <string>

#include "core/base/error.h"
#include "core/base/types.h"

namespace headscope::cli {

/// What `text` selects from 0..length-1, as Python would; "7" alone means that one place ("7:8").
/// Not a slice, or nothing selected: usage error that names `option`.
Result<TokenRange> parse_slice(const std::string& text, std::int64_t length,
                               const std::string& option);

}  // namespace headscope::cli
