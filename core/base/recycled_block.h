// Large arrays that are made and let go of many times a second.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace headscope {

/// An array of `size` numbers with any contents. Memory of one that was let go of is taken over:
/// beside a computing model new pages from the system take longer than filling them. Whoever lets
/// go of the last pointer keeps it for the next one of that size; up to 64 MiB in all wait, the
/// rest is freed in the background.
std::shared_ptr<std::vector<float>> recycled_block(std::size_t size);

}  // namespace headscope
