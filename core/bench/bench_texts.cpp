#include "core/bench/bench_texts.h"

#include "core/demo_world/demo_world.h"
#include "core/text/dataset.h"

namespace headscope::bench {

Result<BenchTexts> bench_texts(const std::filesystem::path& data, std::size_t bytes,
                               std::uint64_t seed) {
  BenchTexts texts;
  std::size_t held = 0;
  const auto add = [&](const QaSample& sample) {
    texts.prompts.push_back(build_prompt(sample).text);
    held += texts.prompts.back().size();
  };
  if (data.empty()) {
    texts.source = "made-up English sentences of the embedded model's world";
    Rng rng(seed);
    while (held < bytes) {
      HEADSCOPE_ASSIGN(const auto sample, demo_sample(rng, {}));
      add(sample);
    }
    return texts;
  }
  HEADSCOPE_ASSIGN(const auto set, load_dataset(data));
  texts.source = set.name;
  for (const QaSample& sample : set.samples) {
    if (held >= bytes) break;
    add(sample);
  }
  return texts;
}

}  // namespace headscope::bench
