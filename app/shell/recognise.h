// What a dropped or named file is, found by its content.
#pragma once

#include <string>

#include "core/base/error.h"

namespace headscope {

enum class FileKind { model, adapter, session, head_set, directions, data, lesson, prompt };

/// "a model folder", "a session" ...
std::string file_kind_name(FileKind kind);

/// Reads no more than the file's beginning, and the whole of a JSON document of at most 64 MiB.
/// bad_input: it does not exist, or is nothing that the window opens; the message says what would
/// be.
Result<FileKind> recognise(const std::string& path);

}  // namespace headscope
