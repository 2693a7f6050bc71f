// LoRA adapters merged into weights while they are read. Includes torch.
#pragma once

#include <memory>
#include <string>

#include "core/base/error.h"
#include "core/model/weight_source.h"

namespace headscope {

/// `base` with the PEFT adapter of `folder` merged: W + scaling * B A (arXiv 2106.09685), in fp32
/// before the conversion to the dtype asked for. Modules that the adapter brings whole
/// (modules_to_save) replace the base's. Errors: those of AdapterConfig; tensors of the adapter
/// that the model has no place for, or of another shape, by name.
Result<std::unique_ptr<WeightSource>> with_adapter(std::unique_ptr<WeightSource> base,
                                                   const std::string& folder);

}  // namespace headscope
