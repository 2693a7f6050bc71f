// SHA-256 of a model's weights, for passports. Remembered between runs.
#pragma once

#include <filesystem>
#include <string>

#include "core/base/error.h"
#include "core/base/run_context.h"

namespace headscope {

/// SHA-256 of the model's weights: that of model.safetensors or of the GGUF file, or for several
/// shards that of the lines
/// "<sha256 of the shard>  <its name>\n" (the output of sha256sum, in the order of their names).
/// With an adapter (PEFT folder): that of the three lines "<the above>  weights",
/// "<sha256>  adapter_config.json" and "<sha256>  adapter_model.safetensors".
///
/// Hashing gigabytes takes a while, so what is known is kept in the user's cache folder by path,
/// size, time and inode; `cache_file` overrides where (empty = the user's; a cache that cannot be
/// read or written costs time and nothing else).
Result<std::string> weights_sha256(const std::filesystem::path& folder, const RunContext& context,
                                   const std::filesystem::path& adapter = {},
                                   const std::filesystem::path& cache_file = {});

}  // namespace headscope
