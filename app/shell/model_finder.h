// Models on this machine: found in folders, looked into by headscope-cli info, on a worker.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"

namespace headscope {

struct FoundModel {
  std::string path;
  bool looked_into = false;
  std::string problem;  ///< why it cannot be opened; empty = it can
  std::string model_type, dtype;
  std::string auto_dtype;  ///< what "auto" means for it here
  int layers = 0, heads = 0;
  std::int64_t parameters = 0, context_length = 0;
  std::map<std::string, double> weights_bytes;  ///< by dtype
  std::vector<std::string> notes;

  /// Memory of the weights as dtype `wanted`; 0 = unknown.
  double bytes_as(const std::string& wanted) const;
};

/// Model folders (config.json beside weights) and GGUF files in `folder`, at most four levels deep,
/// sorted; a model folder is not looked into further.
std::vector<std::string> models_in(const std::filesystem::path& folder, std::size_t most);

/// What `headscope-cli info` prints. bad_input names the field.
Result<FoundModel> found_from_json(const Json& json, const std::string& path);

class ModelFinder {
 public:
  static constexpr std::size_t most = 200;

  ~ModelFinder();
  /// `program`: headscope-cli. `changed` is called from the worker whenever there is more to see.
  void configure(std::filesystem::path program, std::function<void()> changed);
  bool configured() const { return !program_.empty(); }
  /// Looks anew: `recent` first, then what lies in `folders`.
  void look(std::vector<std::string> recent, std::vector<std::string> folders);
  void stop();
  bool busy() const { return busy_; }
  /// Changes whenever `models` does.
  std::uint64_t version() const { return version_; }
  std::vector<FoundModel> models() const;

 private:
  void work(std::vector<std::string> recent, std::vector<std::string> folders);
  FoundModel inspect(const std::string& path) const;
  void publish(const std::function<void(std::vector<FoundModel>&)>& change);

  std::filesystem::path program_;
  std::function<void()> changed_;
  mutable std::mutex mutex_;
  std::vector<FoundModel> models_;
  std::atomic<std::uint64_t> version_{0};
  std::atomic<bool> busy_{false}, stop_{false};
  std::thread worker_;
};

}  // namespace headscope
