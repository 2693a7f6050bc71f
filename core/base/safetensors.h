// Safetensors files and sharded checkpoints, memory-mapped; torch-free.
// Format: https://huggingface.co/docs/safetensors. Refuses whatever the reference refuses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"

namespace headscope {
/// Types of numbers that the format knows.
enum class DType {
  boolean,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  f8_e8m0,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  f64,
  i64,
  u64,
  c64,
  f4,
  f6_e2m3,
  f6_e3m2,  // sub-byte: named, so that messages can say what a file holds
};

/// The name used in the file: "F32", "BF16", "F8_E4M3"...
std::string_view dtype_name(DType dtype);
std::optional<DType> dtype_from_name(std::string_view name);
/// Bits of one element (4 and 6 for the sub-byte kinds).
int dtype_bits(DType dtype);
/// One entry of a header.
struct TensorInfo {
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;  ///< empty = one number
  std::uint64_t begin = 0;          ///< bytes, counted from the end of the header
  std::uint64_t end = 0;
  /// Product of the shape; 1 for a single number.
  std::int64_t elements() const;
  std::uint64_t byte_size() const { return end - begin; }
};

/// One open file. Moving it keeps spans valid; destroying it does not.
class SafetensorsFile {
 public:
  static Result<SafetensorsFile> open(const std::filesystem::path& path);  ///< checks the header
  /// Over bytes in memory (tests, embedded assets), which must outlive the object.
  static Result<SafetensorsFile> from_bytes(std::span<const std::byte> bytes, std::string name);

  SafetensorsFile(SafetensorsFile&&) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) noexcept;
  ~SafetensorsFile();
  /// What the header says.
  const std::map<std::string, TensorInfo, std::less<>>& tensors() const;
  const std::map<std::string, std::string, std::less<>>& metadata() const;  ///< free texts
  const std::string& name() const;                        ///< file name for messages
  const TensorInfo* find(std::string_view tensor) const;  ///< null: not there
  /// Raw little-endian bytes. Unknown name: bad_input that names file and tensor. The start is
  /// aligned only as well as the file aligns it: copy with memcpy before reading numbers.
  Result<std::span<const std::byte>> bytes(std::string_view tensor) const;
  /// bad_input when the file was changed or replaced since it was opened: ask after reading.
  Result<> unchanged() const;
  /// As float, converted from F64, F32, F16, BF16 or an integer kind; others are bad_input,
  /// and so is a file that was changed since it was opened.
  Result<std::vector<float>> floats(std::string_view tensor) const;

 private:
  struct Content;
  explicit SafetensorsFile(std::unique_ptr<Content> content);
  std::unique_ptr<Content> content_;
};

/// A tensor to be written; `bytes` is little-endian and must have the size of dtype and shape.
struct TensorToWrite {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

/// Writes whole or not at all; same input, same bytes: largest alignment first, then by name (the
/// reference's order), header padded with spaces to a multiple of 8.
Result<> write_safetensors(const std::filesystem::path& path, std::vector<TensorToWrite> tensors,
                           const std::map<std::string, std::string>& metadata = {});

/// IEEE half and bfloat16 to float and back (round to nearest even).
float half_to_float(std::uint16_t bits);
float bfloat16_to_float(std::uint16_t bits);
std::uint16_t float_to_half(float value);
std::uint16_t float_to_bfloat16(float value);

/// A model's weights: `model.safetensors`, or `model.safetensors.index.json` with its shards, or a
/// path to one .safetensors file. Every tensor the index names must exist in the shard it names; a
/// shard lies inside the folder; a tensor in a shard which the index does not name is an error too.
class Checkpoint {
 public:
  static Result<Checkpoint> open(const std::filesystem::path& folder_or_file);  ///< all shards
  /// A tensor and the shard that it lies in.
  struct Entry {
    const TensorInfo* info = nullptr;
    const SafetensorsFile* file = nullptr;
  };
  const std::map<std::string, Entry, std::less<>>& tensors() const { return tensors_; }
  bool contains(std::string_view tensor) const { return tensors_.contains(tensor); }
  Result<Entry> find(std::string_view tensor) const;  ///< bad_input: not there
  Result<std::span<const std::byte>> bytes(std::string_view tensor) const;  ///< in its shard
  /// The safetensors files, in the order of their names.
  const std::vector<std::filesystem::path>& files() const { return paths_; }
  std::uint64_t total_bytes() const;  ///< of all tensors
  Result<> unchanged() const;         ///< as of SafetensorsFile, of every file

 private:
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::vector<std::filesystem::path> paths_;
  std::map<std::string, Entry, std::less<>> tensors_;
};

}  // namespace headscope
