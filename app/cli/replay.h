// repeat of a result that names the command that made it (made_by.h): the command runs again, into
// a folder of its own, and what it writes is compared.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/cli/options.h"
#include "core/experiment/repeat.h"

namespace headscope::cli {

/// A folder of this process in the system's folder of temporary files; gone when it is left.
class PassingFolder {
 public:
  static Result<PassingFolder> make();
  PassingFolder(PassingFolder&& other) noexcept { std::swap(path_, other.path_); }
  PassingFolder& operator=(PassingFolder&&) = delete;
  ~PassingFolder();
  const std::filesystem::path& path() const { return path_; }

 private:
  explicit PassingFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

/// A result and the command that made it.
struct MadeResult {
  std::filesystem::path result;  ///< what the command calls --out
  Json made_by;
  std::string dtype = {};  ///< of its passport: what "auto" was then; empty = not known
};

/// Found inside the result, beside it, or as the command in the caption of an SVG; nothing where it
/// is in none of these. bad_input: damaged.
Result<std::optional<MadeResult>> made_result(const std::filesystem::path& result);

struct ReplayOptions {
  std::map<std::string, std::string> instead;  ///< option (such as "model") and its value now
  std::vector<std::filesystem::path> folders;  ///< where its files are looked for, too
  CommonOptions common;
};

/// Runs the command again and compares. Files that it read are looked for where they were, beside
/// the result, in the two folders above it, and in `folders`, and must have their hashes. Errors:
/// usage (a file is not found), bad_input (a command whose result is another one each time, a
/// result that is not complete), the command's own message.
Result<> replay(const MadeResult& made, const ReplayOptions& options, Repetition& repetition,
                const RunContext& context);

}  // namespace headscope::cli
