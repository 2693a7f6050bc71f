// The random checkpoint that engines are compared on, and the token ids and spans they run over.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/run_context.h"
#include "core/base/types.h"
#include "core/config/config.h"
#include "core/intervention/spec.h"

namespace headscope::bench {

/// Llama, 12 layers of 12 heads (4 key/value heads), hidden 768, vocabulary 32,000; `quick`: 2
/// layers of 4 heads, for tests.
ModelConfig bench_model_config(bool quick);

/// Writes random fp32 weights of `config` into `folder`, unless the very same lie there already.
Result<> make_bench_checkpoint(const ModelConfig& config, std::uint64_t seed,
                               const std::filesystem::path& folder);

/// A prompt of random ids with documents, and the response rows that are looked at.
struct BenchPrompt {
  std::vector<std::int32_t> ids;  ///< prompt and response
  std::int64_t prompt_tokens = 0;
  TokenRange rows;               ///< the response
  std::vector<TokenRange> sets;  ///< documents, one after the other, then the sink
};

/// `tokens` in all, the last `rows` of them the response; 20 documents fill the prompt.
BenchPrompt bench_prompt(const ModelConfig& config, std::uint64_t seed, std::int64_t tokens,
                         std::int64_t rows);

/// Query directions of trained ones' length (norm about 20), without a key half.
Directions random_directions(const ModelConfig& config, std::uint64_t seed);

/// `count` different heads, drawn from all.
std::vector<HeadId> bench_heads(const ModelConfig& config, std::uint64_t seed, int count);

}  // namespace headscope::bench
