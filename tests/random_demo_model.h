// A model folder with random weights and the embedded model's tokenizer, for tests that need no
// trained one.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "core/base/rng.h"
#include "core/demo_world/demo_world.h"
#include "core/intervention/spec.h"
#include "core/model/checkpoint.h"
#include "core/model/decoder.h"
#include "core/model/model.h"
#include "core/text/tokenizer.h"
#include "tests/temporary_folder.h"

namespace headscope::test {

inline ModelConfig random_demo_config() {
  ModelConfig config;
  config.model_type = "llama";
  config.layers = 3;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_dim = 16;
  config.hidden_size = 48;
  config.intermediate_size = 64;
  config.vocab_size = static_cast<std::int64_t>(demo_vocabulary().size());
  config.context_length = 1024;
  config.eos_ids = {demo_eos};
  return config;
}

/// Focus directions for that model, of a random draw that is always the same.
inline Directions random_demo_directions() {
  const ModelConfig config = random_demo_config();
  Directions directions{config.layers, config.heads, config.head_dim, {}, {}};
  Rng rng(5);
  for (int i = 0; i < config.layers * config.heads * config.head_dim; ++i) {
    directions.query.push_back(static_cast<float>(rng.normal(0, 2)));
    directions.key.push_back(static_cast<float>(rng.normal(0, 1)));
  }
  return directions;
}

/// Deviation 0.3: attention far from even.
inline void write_random_demo_model(const std::filesystem::path& folder, std::uint64_t seed = 1) {
  const ModelConfig config = random_demo_config();
  DecoderWeights weights = random_weights(config, seed, 0.3);
  REQUIRE(save_checkpoint(folder.string(), weights, config));
  REQUIRE(write_file_atomically(folder / "tokenizer.json", demo_tokenizer_json()));
}

/// A sample of the embedded world with its prompt.
inline QaSample demo_test_sample(std::uint64_t seed, int documents = 4) {
  Rng rng(seed);
  DemoSampleOptions options;
  options.documents = documents;
  const auto sample = demo_sample(rng, options);
  REQUIRE(sample);
  return *sample;
}

/// Several of them, of the seeds from `seed` on, with indices from 0.
inline std::vector<QaSample> demo_test_samples(std::uint64_t seed, int count) {
  std::vector<QaSample> samples;
  for (int i = 0; i < count; ++i) {
    samples.push_back(demo_test_sample(seed + static_cast<std::uint64_t>(i)));
    samples.back().index = i;
  }
  return samples;
}

/// The model of write_random_demo_model, loaded from a folder of its own.
struct RandomDemoModel {
  TemporaryFolder folder;
  std::unique_ptr<Model> model;
  std::optional<Tokenizer> tokenizer;

  RandomDemoModel() {
    write_random_demo_model(folder.path());
    auto loaded = Model::load(folder.path().string(), {"cpu", "float32", 1}, {});
    REQUIRE(loaded);
    model = std::move(*loaded);
    auto read = Tokenizer::load(folder.path());
    REQUIRE(read);
    tokenizer = *read;
  }
};

}  // namespace headscope::test
