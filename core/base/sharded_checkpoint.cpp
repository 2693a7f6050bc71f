// Sharded checkpoints: model.safetensors.index.json and its files.
#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "core/base/json.h"
#include "core/base/safetensors.h"

namespace headscope {
namespace fs = std::filesystem;
namespace {

struct Index {
  std::map<std::string, std::string> shard_of;  ///< tensor -> file name
  std::set<std::string> shards;
};

/// A shard is named by the index, so by a stranger: it must be a plain relative path inside the
/// folder. (Links inside the folder are followed: download caches are made of them.)
bool stays_inside(const fs::path& relative) {
  if (relative.empty() || relative.is_absolute()) return false;
  return std::none_of(relative.begin(), relative.end(),
                      [](const fs::path& part) { return part == ".."; });
}

Result<Index> read_index(const fs::path& path) {
  HEADSCOPE_ASSIGN(const Json json, read_json_file(path));
  HEADSCOPE_ASSIGN(const JsonObject root, JsonObject::open(json, path.string()));
  HEADSCOPE_ASSIGN(const JsonObject weight_map, root.object("weight_map"));
  Index index;
  for (const auto& [tensor, file] : weight_map.value().items()) {
    if (!file.is_string() || !stays_inside(file.get<std::string>())) {
      return tl::unexpected(weight_map.wrong(tensor, "the name of a file inside the folder"));
    }
    index.shard_of.emplace(tensor, file.get<std::string>());
    index.shards.insert(file.get<std::string>());
  }
  if (index.shards.empty()) return bad_input(path.string() + ": field 'weight_map' is empty");
  return index;
}

}  // namespace

Result<Checkpoint> Checkpoint::open(const fs::path& folder_or_file) {
  std::error_code code;
  Checkpoint checkpoint;
  Index index;
  fs::path index_path;
  if (!fs::is_directory(folder_or_file, code)) {
    checkpoint.paths_.push_back(folder_or_file);
  } else if (fs::exists(folder_or_file / "model.safetensors.index.json", code)) {
    index_path = folder_or_file / "model.safetensors.index.json";
    HEADSCOPE_ASSIGN(index, read_index(index_path));
    for (const std::string& shard : index.shards)
      checkpoint.paths_.push_back(folder_or_file / shard);
  } else if (fs::exists(folder_or_file / "model.safetensors", code)) {
    checkpoint.paths_.push_back(folder_or_file / "model.safetensors");
  } else {
    return bad_input(folder_or_file.string() +
                     ": holds neither model.safetensors nor model.safetensors.index.json");
  }
  for (const fs::path& path : checkpoint.paths_) {
    HEADSCOPE_ASSIGN(SafetensorsFile file, SafetensorsFile::open(path));
    checkpoint.files_.push_back(std::make_unique<SafetensorsFile>(std::move(file)));
    const SafetensorsFile& opened = *checkpoint.files_.back();
    for (const auto& [tensor, info] : opened.tensors()) {
      const auto expected = index.shard_of.find(tensor);
      if (!index_path.empty() &&
          (expected == index.shard_of.end() || folder_or_file / expected->second != path)) {
        return bad_input(path.string() + ": tensor '" + tensor + "' is not placed here by " +
                         index_path.string());
      }
      checkpoint.tensors_.emplace(tensor, Entry{&info, &opened});
    }
  }
  for (const auto& [tensor, shard] : index.shard_of) {
    if (!checkpoint.contains(tensor)) {
      return bad_input((folder_or_file / shard).string() + ": tensor '" + tensor +
                       "' is missing, " + index_path.string() + " places it there");
    }
  }
  return checkpoint;
}

Result<Checkpoint::Entry> Checkpoint::find(std::string_view tensor) const {
  const auto found = tensors_.find(tensor);
  if (found != tensors_.end()) return found->second;
  return bad_input((paths_.size() == 1 ? paths_.front() : paths_.front().parent_path()).string() +
                   ": tensor '" + std::string(tensor) + "' is missing");
}

Result<std::span<const std::byte>> Checkpoint::bytes(std::string_view tensor) const {
  HEADSCOPE_ASSIGN(const Entry entry, find(tensor));
  return entry.file->bytes(tensor);
}

Result<> Checkpoint::unchanged() const {
  for (const auto& file : files_) HEADSCOPE_TRY(file->unchanged());
  return {};
}

std::uint64_t Checkpoint::total_bytes() const {
  std::uint64_t total = 0;
  for (const auto& [tensor, entry] : tensors_) total += entry.info->byte_size();
  return total;
}

}  // namespace headscope
