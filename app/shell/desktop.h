// What the desktop does for us, through programs of its own: showing a file in the program that it
// belongs to, and the clipboard. Written for the desktops of Linux.
#pragma once

#include <filesystem>
#include <string>

#include "core/base/error.h"

namespace headscope {

/// Opens a file or folder with the desktop's own program (xdg-open) and does not wait for it.
/// bad_input: it does not exist; or there is no xdg-open, and the message names the path.
Result<> open_with_desktop(const std::filesystem::path& path);

/// Puts a PNG into the clipboard of the desktop through wl-copy or xclip, whichever belongs to it.
/// bad_input where there is none: what to install; or when it fails, with its reason.
Result<> copy_picture(const std::string& png);

}  // namespace headscope
