// links: headscope_base
// longest: 1024
// words: core/base/checkpoint.cpp
// model.safetensors.index.json names files: none outside the folder is opened.
#include <algorithm>

#include "core/base/file.h"
#include "core/base/safetensors.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;

FUZZ_READER(checkpoint_index) {
  const std::filesystem::path folder = fuzz::folder_with("model.safetensors.index.json", input);
  static const bool prepared = [&] {
    const float number = 1;
    const std::vector<TensorToWrite> one = {
        {"a", DType::f32, {1}, std::as_bytes(std::span(&number, 1))}};
    return write_safetensors(folder / "one.safetensors", one) &&
           write_safetensors(folder.parent_path() / "outside.safetensors", one);
  }();
  fuzz::require(prepared, "the shards are written");
  const auto checkpoint = Checkpoint::open(folder);
  if (!checkpoint) return;
  for (const auto& file : checkpoint->files()) {
    const auto relative = file.lexically_normal().lexically_relative(folder);
    fuzz::require(!relative.empty() && *relative.begin() != "..", "a shard lies inside the folder");
  }
}
