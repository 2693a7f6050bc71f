#include "app/shell/model_finder.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/base/in_background.h"
#include "core/base/process.h"
#include "core/base/thread_priority.h"
#include "core/engine/without_exceptions.h"

namespace headscope {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 4;
constexpr std::size_t kMostEntries = 20'000;

bool is_model_folder(const fs::path& folder) {
  std::error_code failed;
  if (!fs::exists(folder / "config.json", failed)) return false;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    if (entry.path().extension() == ".safetensors") return true;
  }
  return false;
}

// The reason alone: the path stands beside it.
std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

double FoundModel::bytes_as(const std::string& wanted) const {
  const auto at = weights_bytes.find(wanted != "auto" ? wanted : auto_dtype);
  return at == weights_bytes.end() ? 0 : at->second;
}

std::vector<std::string> models_in(const fs::path& folder, std::size_t most) {
  std::vector<std::string> found;
  if (is_model_folder(folder)) return {folder.string()};
  std::error_code failed;
  std::size_t seen = 0;
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied,
                                      failed);
  for (; !failed && at != fs::recursive_directory_iterator(); at.increment(failed)) {
    if (++seen > kMostEntries || found.size() >= most) break;
    std::error_code ignored;
    const bool is_folder = at->is_directory(ignored);
    if (is_folder && is_model_folder(at->path())) {
      found.push_back(at->path().string());
      at.disable_recursion_pending();
    } else if (!is_folder && at->path().extension() == ".gguf") {
      found.push_back(at->path().string());
    }
    if (at.depth() >= kDeepest) at.disable_recursion_pending();
  }
  std::sort(found.begin(), found.end());
  return found;
}

Result<FoundModel> found_from_json(const Json& json, const std::string& path) {
  HEADSCOPE_ASSIGN(const JsonObject o, JsonObject::open(json, path));
  FoundModel model;
  model.path = path;
  model.looked_into = true;
  HEADSCOPE_ASSIGN(model.model_type, o.string_or("model_type", ""));
  if (o.has("notes")) {
    HEADSCOPE_ASSIGN(model.notes, o.strings("notes"));
  }
  HEADSCOPE_ASSIGN(const bool supported, o.boolean("supported"));
  if (!supported) {
    model.problem = model.notes.empty() ? "cannot be opened" : model.notes.front();
    return model;
  }
  HEADSCOPE_ASSIGN(const std::int64_t layers, o.integer("layers", 1, 100000));
  HEADSCOPE_ASSIGN(const std::int64_t heads, o.integer("heads", 1, 100000));
  model.layers = static_cast<int>(layers);
  model.heads = static_cast<int>(heads);
  HEADSCOPE_ASSIGN(model.parameters, o.integer("parameters"));
  HEADSCOPE_ASSIGN(model.context_length, o.integer_or("context_length", 0));
  HEADSCOPE_ASSIGN(model.dtype, o.string("dtype"));
  HEADSCOPE_ASSIGN(model.auto_dtype, o.string("auto_dtype"));
  HEADSCOPE_ASSIGN(const JsonObject bytes, o.object("weights_bytes"));
  for (const auto& [dtype, ignored] : bytes.value().items()) {
    HEADSCOPE_ASSIGN(model.weights_bytes[dtype], bytes.number(dtype));
  }
  return model;
}

ModelFinder::~ModelFinder() {
  stop();
}

void ModelFinder::configure(fs::path program, std::function<void()> changed) {
  program_ = std::move(program);
  changed_ = std::move(changed);
}

void ModelFinder::stop() {
  stop_ = true;
  if (worker_.joinable()) worker_.join();
  stop_ = false;
}

std::vector<FoundModel> ModelFinder::models() const {
  const std::lock_guard lock(mutex_);
  return models_;
}

void ModelFinder::publish(const std::function<void(std::vector<FoundModel>&)>& change) {
  {
    const std::lock_guard lock(mutex_);
    change(models_);
  }
  ++version_;
  if (changed_) changed_();
}

void ModelFinder::look(std::vector<std::string> recent, std::vector<std::string> folders) {
  if (!configured()) return;
  stop();
  busy_ = true;
  worker_ =
      start_thread([this, recent = std::move(recent), folders = std::move(folders)]() mutable {
        lower_priority(BackgroundWork::computing);
        (void)without_exceptions([&]() -> Result<> {  // no memory: the list stays as far as it came
          work(std::move(recent), std::move(folders));
          return {};
        });
        busy_ = false;
        ++version_;
        if (changed_) changed_();
      });
  if (!worker_.joinable()) busy_ = false;  // no thread to be had: the list stays as it is
}

void ModelFinder::work(std::vector<std::string> recent, std::vector<std::string> folders) {
  std::vector<std::string> paths;
  std::set<std::string> known;
  const auto add = [&](const std::string& path) {
    if (paths.size() < most && known.insert(path).second) paths.push_back(path);
  };
  for (const std::string& path : recent) add(path);
  for (const std::string& folder : folders) {
    if (stop_) return;
    for (const std::string& path : models_in(folder, most)) add(path);
  }
  publish([&](std::vector<FoundModel>& models) {
    models.clear();
    for (const std::string& path : paths) models.emplace_back().path = path;
  });
  for (std::size_t i = 0; i < paths.size() && !stop_; ++i) {
    FoundModel model = inspect(paths[i]);
    if (stop_) return;
    publish([&](std::vector<FoundModel>& models) { models[i] = std::move(model); });
  }
}

FoundModel ModelFinder::inspect(const std::string& path) const {
  FoundModel broken;
  broken.path = path;
  broken.looked_into = true;
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    broken.problem = "not there any more";
    return broken;
  }
  RunContext context;
  context.is_cancelled = [this] { return stop_.load(); };
  const auto ran =
      run_process({program_.string(), "info", "--model", path, "--quiet"}, {}, context);
  if (!ran) {
    broken.problem = first_line(ran.error().message);
    return broken;
  }
  const auto read = [&]() -> Result<FoundModel> {
    HEADSCOPE_ASSIGN(const Json json, parse_json(ran->output, path));
    return found_from_json(json, path);
  };
  const auto found = read();
  if (found) return *found;
  broken.problem = first_line(ran->messages.empty() ? found.error().message : ran->messages);
  return broken;
}

}  // namespace headscope
