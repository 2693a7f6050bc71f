// Weights from and to Hugging Face folders.
#pragma once

#include <string>

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include "core/base/error.h"
#include "core/base/run_context.h"
#include "core/config/config.h"
#include "core/model/decoder.h"
#include "core/model/placement.h"
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

/// How weights are kept.
struct WeightFormat {
  c10::ScalarType dtype = c10::ScalarType::Float;  ///< of norms, biases and activations
  bool int8 = false;                               ///< matrices, embeddings among them, as int8

  std::string name() const;  ///< "float32", "bfloat16", "float16" or "int8"
};

/// Bytes that weights take.
double weights_bytes(const ModelConfig& config, const WeightFormat& format);

/// Bytes of a model's parts with keys and values for `tokens` tokens.
PartBytes part_bytes(const ModelConfig& config, const WeightFormat& format, std::int64_t tokens);

/// Reads every tensor that `config` calls for, each to the device of its layer. With int8 at most
/// one tensor at a time is there in fp32. Errors: bad_input listing by name tensors that are
/// missing, superfluous, of another shape or of a type that is not floating point; bad_input naming
/// the tensor that holds what is not a finite number. Throws Cancelled.
Result<DecoderWeights> load_weights(const WeightSource& source, const std::string& name,
                                    const ModelConfig& config, const Placement& placement,
                                    const WeightFormat& format, const RunContext& context);

}  // namespace headscope
