#include "app/shell/recent_files.h"

#include <algorithm>

#include "core/base/file.h"

namespace headscope {
namespace {

constexpr std::array kFields = {"models", "data", "sessions"};
constexpr std::int64_t kVersion = 1;

}  // namespace

bool RecentFiles::add(RecentKind kind, const std::string& path) {
  if (path.empty()) return false;
  std::error_code failed;
  const auto full = std::filesystem::absolute(path, failed);
  const std::string name = failed ? path : full.lexically_normal().string();
  auto& paths = paths_[static_cast<std::size_t>(kind)];
  if (!paths.empty() && paths.front() == name) return false;
  std::erase(paths, name);
  paths.insert(paths.begin(), name);
  if (paths.size() > most) paths.resize(most);
  return true;
}

void RecentFiles::remove(RecentKind kind, const std::string& path) {
  std::erase(paths_[static_cast<std::size_t>(kind)], path);
}

void RecentFiles::clear() {
  for (auto& paths : paths_) paths.clear();
}

Json RecentFiles::to_json() const {
  Json json = {{"version", kVersion}};
  for (std::size_t i = 0; i < kFields.size(); ++i) json[kFields[i]] = paths_[i];
  return json;
}

Result<RecentFiles> RecentFiles::from_json(const Json& json, const std::string& name) {
  HEADSCOPE_ASSIGN(const JsonObject o, JsonObject::open(json, name));
  HEADSCOPE_ASSIGN(const std::int64_t version, o.integer("version"));
  if (version != kVersion) return tl::unexpected<Error>(o.wrong("version", "1"));
  RecentFiles files;
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    if (!o.has(kFields[i])) continue;
    HEADSCOPE_ASSIGN(files.paths_[i], o.strings(kFields[i]));
    if (files.paths_[i].size() > most) files.paths_[i].resize(most);
  }
  return files;
}

Result<RecentFiles> RecentFiles::load(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return RecentFiles{};
  HEADSCOPE_ASSIGN(const Json json, read_json_file(path));
  return from_json(json, path.string());
}

Result<> RecentFiles::save(const std::filesystem::path& path) const {
  if (path.has_parent_path()) HEADSCOPE_TRY(create_folders(path.parent_path()));
  return write_file_atomically(path, dump_json(to_json(), 2) + "\n");
}

}  // namespace headscope
