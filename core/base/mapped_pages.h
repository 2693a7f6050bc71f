// Pages of mapped files that have been read.
#pragma once

#include <cstddef>
#include <span>

namespace headscope {

/// Gives the whole pages within `mapped`, bytes of a MappedFile, back to the system: they stay
/// readable and come from the file again. What was copied elsewhere then does not count twice.
void release_pages(std::span<const std::byte> mapped);

}  // namespace headscope
