// Text that tokenizers are timed on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/error.h"

namespace headscope::bench {
/// Prompts to encode, and where they come from.
struct BenchTexts {
  std::vector<std::string> prompts;
  std::string source;  ///< in words
};

/// Prompts of the data set `data`, or of the embedded model's world when it is empty, until they
/// hold `bytes` bytes (or the data set ends).
Result<BenchTexts> bench_texts(const std::filesystem::path& data, std::size_t bytes,
                               std::uint64_t seed);

}  // namespace headscope::bench
