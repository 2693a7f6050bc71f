#include "core/runner/companions.h"

#include <system_error>

#include "core/session/directions_file.h"
#include "core/session/head_set.h"

namespace headscope {
namespace fs = std::filesystem;

namespace {

constexpr const char* kHeadsFile = "heads.json";
constexpr const char* kDirectionsFile = "directions.safetensors";

// Path of a file that may lie beside a model, or empty.
fs::path file_beside(const fs::path& folder, const char* name) {
  std::error_code ignored;
  const fs::path path = folder / name;
  return fs::is_regular_file(path, ignored) ? path : fs::path();
}

Result<> read_heads(const fs::path& file, const ModelConfig& config, Companions& found) {
  HEADSCOPE_ASSIGN(auto set, read_head_set(file));
  HEADSCOPE_TRY(check_fits(set, file.string(), config.layers, config.heads));
  found.ranking = std::move(set.ranking);
  found.relevant = std::move(set.relevant);
  found.heads_source = file.filename().string();
  found.heads_passport = std::move(set.passport);
  return {};
}

Result<> read_vectors(const fs::path& file, const ModelConfig& config, Companions& found) {
  HEADSCOPE_ASSIGN(auto content, read_directions(file));
  HEADSCOPE_TRY(
      check_fits(content.directions, file.string(), config.layers, config.heads, config.head_dim));
  found.directions = std::make_shared<const Directions>(std::move(content.directions));
  found.directions_source = file.filename().string();
  found.directions_passport = std::move(content.passport);
  return {};
}

}  // namespace

Result<Companions> read_companions(const fs::path& folder, const ModelConfig& config) {
  Companions found;
  const auto note = [&found](Result<> outcome) -> Result<> {
    if (outcome || outcome.error().kind == ErrorKind::out_of_memory) return outcome;
    found.notes.push_back(outcome.error().message);
    return {};
  };
  if (const auto file = file_beside(folder, kHeadsFile); !file.empty()) {
    HEADSCOPE_TRY(note(read_heads(file, config, found)));
  }
  if (const auto file = file_beside(folder, kDirectionsFile); !file.empty()) {
    HEADSCOPE_TRY(note(read_vectors(file, config, found)));
  }
  return found;
}

}  // namespace headscope
