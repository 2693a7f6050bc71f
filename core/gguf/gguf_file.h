// GGUF files of llama.cpp, read through ggml and memory-mapped; torch-free.
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/base/error.h"

namespace headscope {

/// A stored tensor. `bytes` stays valid as long as its file.
struct GgufTensor {
  std::vector<std::int64_t> shape;  ///< outermost first, as in Python: ggml's order reversed
  std::string type;                 ///< "F32", "BF16", "Q4_K" ...
  int type_code = 0;                ///< enum ggml_type
  bool readable = false;            ///< ggml can turn it into float
  std::span<const std::byte> bytes;

  std::int64_t columns() const { return shape.back(); }
  std::int64_t rows() const;  ///< numbers / columns
};

/// Whether `path` is a file that begins as GGUF files do, whatever its name (Ollama's have none).
bool is_gguf(const std::filesystem::path& path);

/// One model: a file, or all the parts of a split one ("model-00001-of-00003.gguf").
/// Sizes and offsets are checked when it is opened, so that later reads stay inside the file.
class GgufFile {
 public:
  /// A part other than the first is refused: the first one holds what describes the model.
  static Result<GgufFile> open(const std::filesystem::path& path);
  /// A model of one part, over bytes in memory, which must outlive the object.
  static Result<GgufFile> from_bytes(std::span<const std::byte> bytes, std::string name);

  GgufFile(GgufFile&&) noexcept;
  GgufFile& operator=(GgufFile&&) noexcept;
  ~GgufFile();

  const std::string& name() const;                          ///< path as given, for messages
  const std::vector<std::filesystem::path>& files() const;  ///< all parts
  /// An object with all single values and arrays of at most max_listed elements, by their keys:
  /// read it with JsonObject, whose messages name file and key.
  const nlohmann::json& metadata() const;
  static constexpr std::size_t max_listed = 4096;

  /// Arrays of any length. Absent: empty. Of another type: bad_input.
  Result<std::vector<std::string>> strings(const std::string& key) const;    ///< valid UTF-8
  Result<std::vector<std::int64_t>> integers(const std::string& key) const;  ///< of any width
  Result<std::vector<float>> numbers(const std::string& key) const;          ///< fp32
  /// By the names of llama.cpp.
  const std::map<std::string, GgufTensor, std::less<>>& tensors() const;
  /// bad_input when a part was changed or replaced since it was opened: ask after reading.
  Result<> unchanged() const;

 private:
  struct Content;
  explicit GgufFile(std::unique_ptr<Content> content);
  std::unique_ptr<Content> content_;
};

/// De-quantises row `row` of a readable tensor into `out`, which has room for columns() numbers.
/// Safe from several threads.
void read_row(const GgufTensor& tensor, std::int64_t row, float* out);

}  // namespace headscope
