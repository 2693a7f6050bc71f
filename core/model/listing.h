// Tensors in messages.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace headscope {

/// "[2, 3]".
std::string shape_text(const std::vector<std::int64_t>& shape);

/// "a, b, c and 12 more".
std::string listed(const std::vector<std::string>& names);

}  // namespace headscope
