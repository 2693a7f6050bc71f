// What a model folder or GGUF file holds, from its configuration and the headers of its weights.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/config/config.h"

namespace headscope {
/// What a model's files say, without its weights.
struct ModelSummary {
  ModelConfig config;
  std::int64_t parameters = 0;  ///< numbers stored, a tied matrix counted once
  std::string dtype;            ///< of the stored weights, "mixed" when they differ
  /// What the weights take in memory under each --dtype, in bytes.
  std::map<std::string, std::int64_t> weights_bytes;
  std::string auto_dtype;          ///< what --dtype auto means here; a note says why
  std::vector<std::string> notes;  ///< what a user should know
};

/// Reads and checks everything that loading would check, but no weights. Same errors as
/// Model::load, and a tokenizer that is not understood (a missing one is noted).
Result<ModelSummary> inspect_model(const std::string& folder, const std::string& adapter = {});

}  // namespace headscope
