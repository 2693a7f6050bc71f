#include "core/session/made_by.h"

#include <utility>

#include "core/base/file.h"
#include "core/base/version.h"

namespace headscope {

Json made_by_json(const std::string& command, const std::vector<std::string>& arguments,
                  Json files) {
  return {{"command", command},
          {"arguments", arguments},
          {"files", std::move(files)},
          {"version", kVersion}};
}

std::filesystem::path made_by_file(const std::filesystem::path& result) {
  std::error_code ignored;
  if (std::filesystem::is_directory(result, ignored)) return result / "made_by.json";
  return result.string() + ".made_by.json";
}

Result<> write_made_by(const std::filesystem::path& result, Json made_by) {
  made_by["headscope"] = "made_by";
  return write_file_atomically(made_by_file(result), dump_json(made_by, 1) + "\n");
}

}  // namespace headscope
