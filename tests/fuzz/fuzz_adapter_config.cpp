// links: headscope_config
// longest: 2048
// words: core/config/adapter_config.cpp
#include "core/config/adapter_config.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;

FUZZ_READER(adapter_config) {
  const auto config = AdapterConfig::load(fuzz::folder_with("adapter_config.json", input));
  if (!config) return;
  for (const std::int64_t rank : {1, 4, 8})
    (void)config->scaling("base_model.model.model.layers.0.self_attn.q_proj", rank);
}
