#include "core/bench/bench_model.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/base/file.h"
#include "core/base/rng.h"
#include "core/model/decoder.h"

namespace headscope::bench {
namespace fs = std::filesystem;

namespace {

constexpr int kDocuments = 20;
constexpr std::int64_t kSinkTokens = 2;
constexpr double kDeviation = 0.05;  // attention far from even, as in trained models
constexpr const char* kMarker = "bench.json";

// What the weights follow from; written last, so that a half-written checkpoint is made again.
Json marker_of(const ModelConfig& config, std::uint64_t seed) {
  return {{"layers", config.layers},
          {"heads", config.heads},
          {"kv_heads", config.kv_heads},
          {"hidden_size", config.hidden_size},
          {"intermediate_size", config.intermediate_size},
          {"vocab_size", config.vocab_size},
          {"context_length", config.context_length},
          {"deviation", kDeviation},
          {"seed", seed}};
}

}  // namespace

ModelConfig bench_model_config(bool quick) {
  ModelConfig config;
  config.model_type = "llama";
  config.layers = quick ? 2 : 12;
  config.heads = quick ? 4 : 12;
  config.kv_heads = quick ? 2 : 4;
  config.head_dim = quick ? 8 : 64;
  config.hidden_size = std::int64_t{config.heads} * config.head_dim;
  config.intermediate_size = quick ? 48 : 2048;
  config.vocab_size = quick ? 400 : 32'000;  // more than the embedded model's words
  config.context_length = quick ? 1024 : 40'960;
  config.ropes.front().theta = 500'000;
  config.tie_word_embeddings = true;
  config.eos_ids = {1};
  return config;
}

Result<> make_bench_checkpoint(const ModelConfig& config, std::uint64_t seed,
                               const fs::path& folder) {
  HEADSCOPE_TRY(create_folders(folder));
  const Json wanted = marker_of(config, seed);
  std::error_code ignored;
  if (fs::exists(folder / kMarker, ignored) && fs::exists(folder / "model.safetensors", ignored)) {
    const auto found = read_json_file(folder / kMarker);
    if (found && *found == wanted) return {};
  }
  fs::remove(folder / kMarker, ignored);
  DecoderWeights weights = random_weights(config, seed, kDeviation);
  HEADSCOPE_TRY(save_checkpoint(folder.string(), weights, config));
  return write_file_atomically(folder / kMarker, dump_json(wanted) + "\n");
}

BenchPrompt bench_prompt(const ModelConfig& config, std::uint64_t seed, std::int64_t tokens,
                         std::int64_t rows) {
  Rng rng(seed, static_cast<std::uint64_t>(tokens));
  BenchPrompt prompt;
  for (std::int64_t t = 0; t < tokens; ++t) {
    prompt.ids.push_back(static_cast<std::int32_t>(rng.uniform_int(2, config.vocab_size - 1)));
  }
  prompt.prompt_tokens = tokens - rows;
  prompt.rows = {prompt.prompt_tokens, tokens};
  const std::int64_t length = (prompt.prompt_tokens - kSinkTokens) / kDocuments;
  for (int d = 0; d < kDocuments; ++d) {
    prompt.sets.push_back({kSinkTokens + d * length, kSinkTokens + (d + 1) * length});
  }
  prompt.sets.push_back({0, kSinkTokens});
  return prompt;
}

Directions random_directions(const ModelConfig& config, std::uint64_t seed) {
  Directions directions;
  directions.layers = config.layers;
  directions.heads = config.heads;
  directions.head_dim = config.head_dim;
  Rng rng(seed);
  const double deviation = 20 / std::sqrt(double(config.head_dim));
  directions.query.resize(static_cast<std::size_t>(config.layers) *
                          static_cast<std::size_t>(config.heads) *
                          static_cast<std::size_t>(config.head_dim));
  for (float& value : directions.query) value = static_cast<float>(rng.normal(0, deviation));
  return directions;
}

std::vector<HeadId> bench_heads(const ModelConfig& config, std::uint64_t seed, int count) {
  std::vector<HeadId> heads;
  for (int layer = 0; layer < config.layers; ++layer) {
    for (int head = 0; head < config.heads; ++head) heads.push_back({layer, head});
  }
  Rng(seed).shuffle(heads);
  heads.resize(std::min(heads.size(), static_cast<std::size_t>(count)));
  std::sort(heads.begin(), heads.end());
  return heads;
}

}  // namespace headscope::bench
