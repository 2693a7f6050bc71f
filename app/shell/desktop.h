// What the desktop does for us: showing a file in the program that it belongs to.
#pragma once

#include <filesystem>

#include "core/base/error.h"

namespace headscope {

/// Opens a file or folder with the desktop's own program (xdg-open) and does not wait for it.
/// bad_input: it does not exist; or there is no xdg-open, and the message names the path.
Result<> open_with_desktop(const std::filesystem::path& path);

}  // namespace headscope
