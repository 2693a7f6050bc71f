// What was opened lately, kept between starts.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"

namespace headscope {

enum class RecentKind { model, data, session };
inline constexpr int recent_kinds = 3;

class RecentFiles {
 public:
  static constexpr std::size_t most = 12;

  /// Puts a path first; relative ones become absolute. True when the list changed.
  bool add(RecentKind kind, const std::string& path);
  void remove(RecentKind kind, const std::string& path);
  void clear();
  const std::vector<std::string>& of(RecentKind kind) const {
    return paths_[static_cast<std::size_t>(kind)];
  }

  Json to_json() const;
  /// bad_input names the field.
  static Result<RecentFiles> from_json(const Json& json, const std::string& name);
  /// Empty when there is no file.
  static Result<RecentFiles> load(const std::filesystem::path& path);
  Result<> save(const std::filesystem::path& path) const;

 private:
  std::array<std::vector<std::string>, recent_kinds> paths_;
};

}  // namespace headscope
