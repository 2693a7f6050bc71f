// GGUF files as a source of configuration and weights. Includes torch.
#pragma once

#include <memory>
#include <string>

#include "core/base/error.h"
#include "core/model/config.h"
#include "core/model/weight_source.h"

namespace headscope {

/// The configuration that a GGUF file describes, validated like a config.json.
Result<ModelConfig> load_gguf_config(const std::string& file);

/// The weights of a GGUF file, de-quantised as they are read.
Result<std::unique_ptr<WeightSource>> open_gguf_weights(const std::string& file);

}  // namespace headscope
