// Which model_type values are understood, and what is special about each. A new family of the same
// block structure is one more entry of the table in family.cpp. Torch-free.
#pragma once

#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/model/config.h"

namespace headscope {

/// One model_type of the pre-norm, SwiGLU, rotary decoder that decoder.h implements.
struct Family {
  std::string_view model_type;
  std::string_view architecture;  ///< name written to and expected in "architectures"
  /// Reads what only this family has, after the shared fields; refuses what is not implemented.
  Result<> (*read)(const JsonObject& config, ModelConfig& out);
};

/// The entry for `model_type`, or nullptr.
const Family* find_family(std::string_view model_type);

/// "llama, mistral, qwen2": for messages.
std::string supported_families();

}  // namespace headscope
