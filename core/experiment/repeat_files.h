// A result's files beside those of its repetition.
#pragma once

#include <filesystem>

#include "core/base/error.h"
#include "core/experiment/repeat.h"

namespace headscope {

/// Adds what differs between two files, or the files of two folders, by what their names end in:
/// JSON and JSON lines (packed or not) by value, CSV by field, safetensors by tensor and metadata,
/// anything else by byte. Numbers as the repetition's tolerance allows. Left out is what says where
/// files lie and how long something took ("file", "folder", "table", "seconds", timing.json),
/// "made_by", and files that only work in progress needs (names that begin with a dot). bad_input:
/// one cannot be read.
Result<> compare_files(const std::filesystem::path& before, const std::filesystem::path& now,
                       Repetition& repetition);

}  // namespace headscope
