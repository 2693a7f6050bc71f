// What a GGUF file says about its model, in the terms of Hugging Face checkpoints. Torch-free.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/base/error.h"
#include "core/gguf/gguf_file.h"

namespace headscope {

/// A kind of model ("general.architecture") that is understood.
struct GgufArchitecture {
  std::string_view name;
  std::string_view model_type;      ///< of Hugging Face
  bool pairs_rotary_rows = false;   ///< rows of q and k lie in rotated pairs, not in halves
  bool norms_with_one = false;      ///< norm weights hold 1 + the weight of Hugging Face
  bool has_sandwich_norms = false;  ///< norms behind attention and MLP too
};

/// The file's architecture; others are refused by name.
Result<const GgufArchitecture*> gguf_architecture(const GgufFile& file);

/// A config.json of the same model, for parse_config. Values that would change the arithmetic and
/// are not understood are refused by name.
Result<nlohmann::json> gguf_config(const GgufFile& file);

/// A tensor under its Hugging Face name.
struct GgufWeight {
  const GgufTensor* tensor = nullptr;
  std::int64_t paired_heads = 0;  ///< heads whose rows lie in rotated pairs; 0 = rows as they are
  bool minus_one = false;         ///< 1 is to be subtracted

  /// De-quantises rows [first, first + count) in the order and with the values of the Hugging Face
  /// tensor; a vector is one row. `out` has room for count * tensor->columns() numbers. Safe from
  /// several threads.
  void read_rows(std::int64_t first, std::int64_t count, float* out) const;

 private:
  /// Where the stored tensor keeps row `row` (of a vector: number `row`).
  std::int64_t stored_row(std::int64_t row) const;
};

/// Every tensor that holds weights, by Hugging Face name; one whose name is unknown keeps it.
Result<std::map<std::string, GgufWeight, std::less<>>> gguf_weights(const GgufFile& file);

}  // namespace headscope
