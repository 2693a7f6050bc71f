// What makes a result again: the command that made it and the files it read, kept inside the result
// or beside it.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>

#include "core/base/error.h"
#include "core/base/json.h"

namespace headscope::cli {

/// Notes the command that runs now, for made_by(): every option that was given and decides the
/// result. Left out is where results go, how many threads and how much memory they may take, and
/// what is printed meanwhile.
void note_command(const CLI::App& command);

/// {"command":"causal","arguments":["--mask=remove",...],"files":{"rag.txt":SHA-256},"version"} of
/// the command noted last. Absolute paths are named by their last part; a folder has null instead
/// of a hash.
Json made_by();

/// Writes it to made_by_file(result).
Result<> write_made_by(const std::filesystem::path& result);

}  // namespace headscope::cli
