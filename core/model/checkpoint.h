// Weights from and to Hugging Face folders.
#pragma once

#include <string>

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include "core/base/error.h"
#include "core/base/run_context.h"
#include "core/model/config.h"
#include "core/model/decoder.h"
#include "core/model/weight_source.h"

namespace headscope {

/// Does what transformers 5 does where config.json ties the output matrix to the embedding and the
/// files hold another one: the stored one counts. Changes tie_word_embeddings and adds a note.
/// To be called before the functions below.
Result<> settle_output(const WeightSource& source, ModelConfig& config);

/// Names, shapes and types of the stored tensors against `config`, without reading them: the errors
/// of load_weights. `name` (the folder or file) begins the messages.
Result<> check_weights(const WeightSource& source, const std::string& name,
                       const ModelConfig& config);

/// Reads every tensor that `config` calls for, converted to `dtype` on `device`. Tensors that are
/// missing, superfluous, of another shape or of a type that is not floating point: bad_input
/// listing them by name. Throws Cancelled.
Result<DecoderWeights> load_weights(const WeightSource& source, const std::string& name,
                                    const ModelConfig& config, c10::Device device,
                                    c10::ScalarType dtype, const RunContext& context);

}  // namespace headscope
