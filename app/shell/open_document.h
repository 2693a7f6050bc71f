// Opening a document with the desktop's program for it.
#pragma once

#include <filesystem>

namespace headscope {

/// Starts xdg-open and does not wait. False where there is no such program.
bool open_document(const std::filesystem::path& document);

}  // namespace headscope
