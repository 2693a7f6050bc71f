// GGUF files as a source of weights. Includes torch.
#pragma once

#include <memory>
#include <string>

#include "core/base/error.h"
#include "core/model/weight_source.h"

namespace headscope {

/// The weights of a GGUF file, de-quantised as they are read.
Result<std::unique_ptr<WeightSource>> open_gguf_weights(const std::string& file);

}  // namespace headscope
