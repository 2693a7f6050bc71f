// The pass over a prompt's rows 0..P-2, as far as no earlier run has done it. Internal to
// core/model.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "core/model/decoder_engine.h"
#include "core/model/prompt_store.h"

namespace headscope {
/// What is kept of one prompt.
struct PromptStore::Impl {
  /// What keys, values and residual streams depend on.
  struct Key {
    at::Tensor model;  ///< one of its weights, which stands for it
    std::vector<std::int32_t> ids;
    std::int64_t capacity = 0;  ///< rotary types that depend on length go by it
    AttentionBackend backend = AttentionBackend::fused;
    std::int64_t chunk_rows = 0;  ///< equal products round equally
    friend bool operator==(const Key& a, const Key& b) {
      return a.model.is_same(b.model) && a.ids == b.ids && a.capacity == b.capacity &&
             a.backend == b.backend && a.chunk_rows == b.chunk_rows;
    }
  };
  Key key;
  std::uint64_t budget = no_limit;
  std::set<int> expected;  ///< layers; empty = all
  /// Of layers 0..size-1. Rows from P-1 on hold whatever the last run wrote there.
  std::vector<LayerCache> cache;
  /// Inputs of layers, [1, rows, hidden] for each chunk; the layers below are in `cache`.
  std::map<int, std::vector<at::Tensor>> inputs;
  /// Of the first touched layer of the last run that had room for it, which is in `cache`; -1 =
  /// none.
  int attention_layer = -1;
  LayerEditTensors edits;  ///< of that layer, with which `attention` was made
  std::vector<ChunkAttention> attention;
  /// Forgets everything. Bytes that are held, and how many of them for attention.
  void clear();
  std::uint64_t bytes() const;            ///< held
  std::uint64_t attention_bytes() const;  ///< of these
  /// The highest layer up to `layer` whose input is kept; 0 = the embeddings.
  int input_below(int layer) const;
  /// Where a run begins whose edits begin at layer `touched`: 0 = with the embeddings, the number
  /// of layers = nothing is left to run.
  int restart_layer(int touched, int layers) const;
  /// Keys and values that such a run may use.
  std::span<const LayerCache> shared(int touched) const;
};

/// The prompt of a run: what the store's content depends on, and what the run does to it.
struct PromptPass {
  PromptStore::Impl::Key key;
  int touched = 0;  ///< first layer edited at rows 0..P-2; the number of layers when none is
  PromptStore::Impl* store = nullptr;  ///< nullptr = everything is run and nothing kept
  double spare_bytes = 0;              ///< memory that the run leaves free
};

/// A cache into which the prompt but its last token is run: from the layer on where the store ends.
/// Afterwards the store holds what this run has left unedited. Throws Cancelled and what torch
/// throws; the store is then as it was.
KvCache run_prompt(const DecoderEngine& engine, const PromptPass& pass,
                   const EngineOptions& options, PromptWork& work, const RunContext& context);

/// Runs the prompt and then `rest`, which begins with its last token, as far as options.layers,
/// whose queries and keys the observer is told. Takes from the store what it has, leaves nothing
/// there.
void run_to_layer(const DecoderEngine& engine, const PromptPass& pass,
                  std::span<const std::int32_t> rest, const EngineOptions& options,
                  const RunContext& context);

}  // namespace headscope
