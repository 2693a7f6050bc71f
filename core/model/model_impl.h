// What model.cpp and generate.cpp share.
#pragma once

#include <exception>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include "core/model/capture.h"
#include "core/model/engine.h"
#include "core/model/memory.h"
#include "core/model/model.h"

namespace headscope {

struct Model::Impl {
  DecoderEngine engine;

  /// Not empty, not longer than the model's context, every id in the vocabulary.
  Result<> check_ids(const std::vector<std::int32_t>& ids) const;
  Result<> check_request(const GenerateRequest& request) const;
  /// Interventions compiled and uploaded.
  Result<std::vector<LayerEditTensors>> edits(const std::vector<Intervention>& interventions,
                                              std::int64_t prompt_tokens) const;
  /// out_of_memory with an estimate when a run over `tokens` tokens will not fit.
  Result<> require_room(std::int64_t tokens, std::int64_t logit_rows, const Capture* capture,
                        std::int64_t capture_rows) const;

  Result<Generation> generate(const GenerateRequest& request, const RunContext& context) const;
  Result<ForwardResult> forward(const ForwardRequest& request, const RunContext& context) const;
};

/// The error that an exception of torch or of ours stands for; call inside a catch block.
Error current_error();

/// Runs `body` without gradients; no exception leaves.
template <class Body>
auto guarded(Body&& body) -> decltype(body()) {
  try {
    const c10::InferenceMode no_gradients;
    refresh_memory_limit();
    return body();
  } catch (...) {
    return tl::unexpected<Error>(current_error());
  }
}

}  // namespace headscope
