// What makes a result again: the command that made it, kept inside the result or beside it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"

namespace headscope {

/// {"command","arguments","files","version"}, as `headscope-cli repeat` reads it. `files`: those it
/// read by name, with their SHA-256 (null: a folder, or not known).
Json made_by_json(const std::string& command, const std::vector<std::string>& arguments,
                  Json files);

/// Where that lies for a result that cannot hold it (a picture, a page, a table, samples): beside a
/// file, or in a folder.
std::filesystem::path made_by_file(const std::filesystem::path& result);
/// Writes it there.
Result<> write_made_by(const std::filesystem::path& result, Json made_by);

}  // namespace headscope
