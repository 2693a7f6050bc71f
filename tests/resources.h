// Where tests find files. ctest runs every test in the repository's root.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace headscope::test {

/// The repository's root: HEADSCOPE_SOURCE_DIR, which ctest sets, or the current folder.
inline std::filesystem::path source_folder() {
  const char* folder = std::getenv("HEADSCOPE_SOURCE_DIR");
  return folder != nullptr ? std::filesystem::path(folder) : std::filesystem::current_path();
}

/// The build tree with the programs: HEADSCOPE_BUILD_DIR, or build/release.
inline std::filesystem::path build_folder() {
  const char* folder = std::getenv("HEADSCOPE_BUILD_DIR");
  return folder != nullptr ? std::filesystem::path(folder) : source_folder() / "build" / "release";
}

/// A file or folder of the shared material (checkpoints, references, data), or nothing when this
/// machine has none: then SKIP_TEST. Searched: HEADSCOPE_SHARED, shared/ in the repository, shared/
/// beside it.
inline std::optional<std::filesystem::path> shared_resource(const std::string& name) {
  std::error_code ignored;
  const char* chosen = std::getenv("HEADSCOPE_SHARED");
  for (const auto& folder :
       {chosen != nullptr ? std::filesystem::path(chosen) : std::filesystem::path(),
        source_folder() / "shared", source_folder() / ".." / "shared"}) {
    if (!folder.empty() && std::filesystem::exists(folder / name, ignored)) return folder / name;
  }
  return std::nullopt;
}

/// A file or folder of llama.cpp's source: HEADSCOPE_LLAMA, which ctest sets.
inline std::optional<std::filesystem::path> llama_resource(const std::string& name) {
  std::error_code ignored;
  const char* folder = std::getenv("HEADSCOPE_LLAMA");
  if (folder == nullptr || !std::filesystem::exists(std::filesystem::path(folder) / name, ignored))
    return std::nullopt;
  return std::filesystem::path(folder) / name;
}

}  // namespace headscope::test
