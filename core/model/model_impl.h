// What model.cpp and generate.cpp share.
#pragma once

#include <exception>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include "core/model/capture.h"
#include "core/model/decoder_engine.h"
#include "core/model/estimate.h"
#include "core/model/machine_rate.h"
#include "core/model/memory.h"
#include "core/model/model.h"
#include "core/model/prompt_pass.h"

namespace headscope {

struct Model::Impl {
  DecoderEngine engine;

  /// Not empty, not longer than the model's context, every id in the vocabulary.
  Result<> check_ids(const std::vector<std::int32_t>& ids) const;
  Result<> check_request(const GenerateRequest& request) const;  ///< before anything is computed
  /// Interventions on a run over `prompt`, compiled and uploaded. Means of heads' outputs are
  /// computed here, by a pass over the prompt.
  Result<std::vector<LayerEditTensors>> edits(const std::vector<Intervention>& interventions,
                                              std::span<const std::int32_t> prompt,
                                              double memory_scale, const RunContext& context) const;
  /// out_of_memory with an estimate, and what would fit, when a run will not fit; `held` bytes of
  /// what it needs are there already.
  Result<> require_room(std::int64_t tokens, std::int64_t new_tokens, const CapturePlan& plan,
                        double held = 0) const;
  /// What a run over the prompt of `request` may take from its store and leave there; the store
  /// gives way where memory is short. Errors: require_room's.
  Result<PromptPass> prompt_pass(const GenerateRequest& request, std::int64_t new_tokens,
                                 double memory_scale) const;

  /// What keeps the attention of a run, if any of it is wanted.
  Result<std::optional<AttentionCapture>> capture_for(const GenerateRequest& request) const;
  /// Tokens that a run with `request` has room for beside the prompt: a store belongs to one such
  /// number, and so do rotary types that depend on length.
  std::int64_t new_tokens(const GenerateRequest& request) const;
  /// Keys and values of the unedited model over the prompt and the forced response of `request`.
  Result<KvCache> keys_of(const GenerateRequest& request, double memory_scale,
                          const RunContext& context) const;

  /// `memory_scale` as in EngineOptions.
  Result<Generation> generate(const GenerateRequest& request, const RunContext& context,
                              double memory_scale) const;
  /// At most DecoderEngine::step's width of requests; `out` grows by those that fitted together.
  Result<> generate_some(std::span<const GenerateRequest> requests, std::vector<Generation>& out,
                         const RunContext& context, double memory_scale) const;
  /// As Model::forward; throws what current_error() understands.
  Result<ForwardResult> forward(const ForwardRequest& request, const RunContext& context,
                                double memory_scale) const;
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

/// Runs `body(memory_scale)`. When memory ran out on the way, once more with half of the scratch
/// memory, if `may_repeat()`.
template <class Body, class MayRepeat>
auto with_less_memory(Body&& body, MayRepeat&& may_repeat) -> decltype(body(1.0)) {
  auto result = guarded([&] { return body(1.0); });
  if (result || result.error().kind != ErrorKind::out_of_memory || !may_repeat()) return result;
  drop_memory_caches();
  return guarded([&] { return body(0.5); });
}

}  // namespace headscope
