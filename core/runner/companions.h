// Files that lie beside a model: its head set and its focus directions.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"
#include "core/config/config.h"
#include "core/intervention/spec.h"
#include "core/session/passport.h"

namespace headscope {

/// What was found beside a model and fits its shape; a file that does not fit is left alone, since
/// the model can be looked at without it, and `notes` says so.
struct Companions {
  std::vector<HeadId> ranking;  ///< of heads.json; empty = none
  std::vector<float> relevant;  ///< its scores [layers * heads]; empty = it has none
  std::string heads_source;     ///< file name
  std::shared_ptr<const Directions> directions;  ///< of directions.safetensors; null = none
  std::string directions_source;
  Passport heads_passport, directions_passport;
  std::vector<std::string> notes;
};
/// Heads.json and directions.safetensors of `folder`. Errors: out_of_memory.
Result<Companions> read_companions(const std::filesystem::path& folder, const ModelConfig& config);

}  // namespace headscope
