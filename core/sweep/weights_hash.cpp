#include "core/sweep/weights_hash.h"

#include <cstdlib>
#include <system_error>

#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/json.h"
#include "core/base/platform.h"
#include "core/base/safetensors.h"
#include "core/gguf/gguf_file.h"

namespace headscope {
namespace fs = std::filesystem;

namespace {

fs::path user_cache_file() {
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache != '\0') return fs::path(cache) / "headscope" / "hashes.json";
  const char* const home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') return {};
  return fs::path(home) / ".cache" / "headscope" / "hashes.json";
}

// {"path": [mark of the file, "sha256"]}
class HashCache {
 public:
  explicit HashCache(fs::path file) : file_(std::move(file)), known_(Json::object()) {
    std::error_code ignored;
    if (file_.empty() || !fs::is_regular_file(file_, ignored)) return;
    auto json = read_json_file(file_);
    if (json && json->is_object()) known_ = std::move(*json);
  }

  std::string find(const std::string& path, const std::string& mark) const {
    const auto entry = known_.find(path);
    if (entry == known_.end() || !entry->is_array() || entry->size() != 2) return {};
    const Json &stored = (*entry)[0], &hash = (*entry)[1];
    if (!stored.is_string() || !hash.is_string() || stored.get<std::string>() != mark) return {};
    return hash.get<std::string>();
  }

  void remember(const std::string& path, const std::string& mark, const std::string& hash) {
    if (file_.empty()) return;
    forget_missing_files();
    known_[path] = {mark, hash};
    if (create_folders(file_.parent_path()))
      (void)write_file_atomically(file_, dump_json(known_, 1));
  }

 private:
  void forget_missing_files() {
    std::error_code ignored;
    for (auto entry = known_.begin(); entry != known_.end();) {
      entry = fs::exists(entry.key(), ignored) ? std::next(entry) : known_.erase(entry);
    }
  }

  fs::path file_;
  Json known_;
};

Result<std::string> file_hash(const fs::path& file, HashCache& cache, const RunContext& context) {
  std::error_code problem;
  const fs::path whole = fs::weakly_canonical(file, problem);
  const std::string path = problem ? file.string() : whole.string();
  const std::string mark = platform::file_mark(file);
  if (auto known = cache.find(path, mark); !mark.empty() && !known.empty()) return known;
  HEADSCOPE_ASSIGN(auto hash, sha256_file(file, context));
  if (!mark.empty() && platform::file_mark(file) == mark) cache.remember(path, mark, hash);
  return hash;
}

Result<std::vector<fs::path>> weight_files(const fs::path& model) {
  if (is_gguf(model)) {
    HEADSCOPE_ASSIGN(const auto file, GgufFile::open(model));
    return file.files();
  }
  HEADSCOPE_ASSIGN(const auto checkpoint, Checkpoint::open(model));
  return checkpoint.files();
}

}  // namespace

Result<std::string> weights_sha256(const fs::path& folder, const RunContext& context,
                                   const fs::path& adapter, const fs::path& cache_file) {
  HEADSCOPE_ASSIGN(const auto files, weight_files(folder));
  HashCache cache(cache_file.empty() ? user_cache_file() : cache_file);
  std::string lines, hash;
  for (const fs::path& file : files) {
    HEADSCOPE_ASSIGN(hash, file_hash(file, cache, context));
    lines += hash + "  " + file.filename().string() + "\n";
  }
  if (files.size() > 1) hash = sha256_hex(lines);
  if (adapter.empty()) return hash;
  lines = hash + "  weights\n";
  for (const char* file : {"adapter_config.json", "adapter_model.safetensors"}) {
    HEADSCOPE_ASSIGN(hash, file_hash(adapter / file, cache, context));
    lines += hash + "  " + file + "\n";
  }
  return sha256_hex(lines);
}

}  // namespace headscope
