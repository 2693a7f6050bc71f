// links: headscope_config
// longest: 4096
// words: core/config/config.cpp core/config/family.cpp core/config/rope_config.cpp
#include <cmath>

#include "core/config/config.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;
using fuzz::require;

FUZZ_READER(config) {
  const auto json = parse_json(fuzz::text_of(input), "input");
  if (!json) return;
  const auto config = parse_config(*json, "input");
  if (!config) return;
  require(config->layers > 0 && config->heads > 0 && config->kv_heads > 0 && config->head_dim > 0,
          "counts are positive");
  require(config->heads % config->kv_heads == 0, "heads share keys and values evenly");
  require(config->hidden_size > 0 && config->intermediate_size > 0 && config->vocab_size > 0,
          "sizes are positive");
  require(config->layer_attention.empty() || std::ssize(config->layer_attention) == config->layers,
          "an entry a layer");
  for (int layer = 0; layer < config->layers; ++layer) {
    const LayerAttention attention = config->attention_in(layer);
    require(attention.window >= 0 && attention.rope >= 0 &&
                (config->ropes.empty() || attention.rope < std::ssize(config->ropes)),
            "a layer's rotary embedding exists");
  }
  for (const RopeConfig& rope : config->ropes) {
    require(std::isfinite(rope.attention_factor) && rope.attention_factor > 0 &&
                std::isfinite(rope.factor) && rope.factor > 0 && rope.theta > 0,
            "a rotary embedding has finite factors");
    require(rope.dimensions >= 0 && rope.dimensions <= config->head_dim && rope.dimensions % 2 == 0,
            "pairs of dimensions are turned");
  }
  for (const auto id : config->eos_ids)
    require(id >= 0 && id < config->vocab_size, "ends of sequence are tokens");
  require(attention_scale(*config) > 0 && std::isfinite(attention_scale(*config)),
          "scores have a scale");
}
