#include "core/experiment/direction_work.h"

#include <system_error>

#include "core/base/file.h"
#include "core/base/safetensors.h"

namespace headscope {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSettings = "settings.json";
constexpr const char* kLock = "lock";

/// The share of memory that samples of the check may take; training passes over its own far
/// oftener.
constexpr std::uint64_t kCheckShare = 5;

std::string differences_of(const Json& here, const Json& there) {
  std::string text;
  Json all = there.is_object() ? there : Json::object();
  all.update(here);
  for (const auto& [key, unused] : all.items()) {
    const Json a = here.value(key, Json()),
               b = there.is_object() ? there.value(key, Json()) : Json();
    if (a == b) continue;
    text += (text.empty() ? "" : "; ") + key + " " + dump_json(b).substr(0, 60) + " there, " +
            dump_json(a).substr(0, 60) + " here";
  }
  return text;
}

/// Everything but the lock, which is ours.
Result<> empty_folder(const fs::path& folder) {
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    if (entry.path().filename() == kLock) continue;
    fs::remove(entry.path(), code);
    if (code) break;
  }
  if (code) return bad_input(folder.string() + ": cannot be emptied: " + code.message());
  return {};
}

/// True: the folder holds work with these settings.
Result<bool> same_settings(const fs::path& folder, const Json& settings, bool restart) {
  std::error_code code;
  if (restart || !fs::exists(folder / kSettings, code)) return false;
  HEADSCOPE_ASSIGN(const auto there, read_json_file(folder / kSettings));
  if (there == settings) return true;
  return bad_input(folder.string() + ": holds an unfinished training with other settings (" +
                   differences_of(settings, there) +
                   "); use those to go on, or --restart to throw it away");
}

/// The arrays of a state by name; `State` may be const.
template <class State, class Function>
Result<> for_each_array(State& state, Function function) {
  HEADSCOPE_TRY(function("q", state.directions.query));
  HEADSCOPE_TRY(function("k", state.directions.key));
  HEADSCOPE_TRY(function("q_first", state.query_first));
  HEADSCOPE_TRY(function("q_second", state.query_second));
  HEADSCOPE_TRY(function("k_first", state.key_first));
  HEADSCOPE_TRY(function("k_second", state.key_second));
  return {};
}

}  // namespace

Result<DirectionWork> DirectionWork::open(const fs::path& folder, const Json& settings,
                                          bool restart, const DirectionShape& shape,
                                          std::uint64_t memory_bytes) {
  DirectionWork work;
  work.folder_ = folder;
  fs::path train, held_out;
  if (!folder.empty()) {
    HEADSCOPE_TRY(create_folders(folder));
    HEADSCOPE_ASSIGN(work.lock_, FileLock::try_for(folder / kLock));
    if (!work.lock_) return bad_input(folder.string() + ": another process trains here");
    HEADSCOPE_ASSIGN(work.resumed_, same_settings(folder, settings, restart));
    if (!work.resumed_) {
      HEADSCOPE_TRY(empty_folder(folder));
      HEADSCOPE_TRY(write_file_atomically(folder / kSettings, dump_json(settings) + "\n"));
    }
    train = folder / "train.samples";
    held_out = folder / "held_out.samples";
  }
  const std::uint64_t check = memory_bytes / kCheckShare;
  HEADSCOPE_ASSIGN(auto first, DirectionStore::open(train, shape, memory_bytes - check));
  HEADSCOPE_ASSIGN(auto second, DirectionStore::open(held_out, shape, check));
  work.train_ = std::make_unique<DirectionStore>(std::move(first));
  work.held_out_ = std::make_unique<DirectionStore>(std::move(second));
  return work;
}

fs::path DirectionWork::state_file(std::uint64_t seed) const {
  return folder_ / ("seed-" + std::to_string(seed) + ".safetensors");
}

Result<std::optional<DirectionTrainingState>> DirectionWork::state(std::uint64_t seed) const {
  std::error_code code;
  if (folder_.empty() || !fs::exists(state_file(seed), code)) return std::nullopt;
  HEADSCOPE_ASSIGN(const auto file, SafetensorsFile::open(state_file(seed)));
  DirectionTrainingState state;
  HEADSCOPE_TRY(
      for_each_array(state, [&file](const char* tensor, std::vector<float>& values) -> Result<> {
        HEADSCOPE_ASSIGN(values, file.floats(tensor));
        return {};
      }));
  const std::string name = state_file(seed).string() + " metadata 'progress'";
  const auto text = file.metadata().find("progress");
  if (text == file.metadata().end()) return bad_input(name + " is missing");
  HEADSCOPE_ASSIGN(const auto json, parse_json(text->second, name));
  HEADSCOPE_ASSIGN(const auto progress, JsonObject::open(json, name));
  HEADSCOPE_ASSIGN(const auto layers, progress.positive_integer("layers"));
  HEADSCOPE_ASSIGN(const auto heads, progress.positive_integer("heads"));
  HEADSCOPE_ASSIGN(const auto head_dim, progress.positive_integer("head_dim"));
  state.directions.layers = static_cast<int>(layers);
  state.directions.heads = static_cast<int>(heads);
  state.directions.head_dim = static_cast<int>(head_dim);
  HEADSCOPE_ASSIGN(const Json* epochs, progress.array("epochs"));
  for (std::size_t i = 0; i < epochs->size(); ++i) {
    HEADSCOPE_ASSIGN(const auto epoch, progress.element("epochs", i));
    DirectionEpoch& kept = state.epochs.emplace_back();
    HEADSCOPE_ASSIGN(kept.relevant_mass, epoch.numbers("relevant_mass"));
    for (const double mass : kept.relevant_mass) kept.loss.push_back(-mass);
  }
  return state;
}

Result<> DirectionWork::keep(std::uint64_t seed, const DirectionTrainingState& state) const {
  if (folder_.empty()) return {};
  Json epochs = Json::array();
  for (const DirectionEpoch& epoch : state.epochs)
    epochs.push_back({{"relevant_mass", epoch.relevant_mass}});
  const Json progress = {{"layers", state.directions.layers},
                         {"heads", state.directions.heads},
                         {"head_dim", state.directions.head_dim},
                         {"epochs", std::move(epochs)}};
  std::vector<TensorToWrite> tensors;
  HEADSCOPE_TRY(for_each_array(
      state, [&tensors](const char* tensor, const std::vector<float>& values) -> Result<> {
        tensors.push_back({tensor,
                           DType::f32,
                           {static_cast<std::int64_t>(values.size())},
                           std::as_bytes(std::span(values))});
        return {};
      }));
  return write_safetensors(state_file(seed), std::move(tensors),
                           {{"progress", dump_json(progress)}});
}

}  // namespace headscope
