#include "core/base/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <exception>
#include <limits>
#include <utility>

#include "core/base/file.h"
#include "core/base/safetensors_header.h"

namespace headscope {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

namespace {

struct DTypeRow {
  DType dtype;
  std::string_view name;
  int bits;
};

// In the reference's order, which also decides where write_safetensors puts a tensor.
constexpr std::array<DTypeRow, 20> dtype_table{{
    {DType::boolean, "BOOL", 8},    {DType::f4, "F4", 4},           {DType::f6_e2m3, "F6_E2M3", 6},
    {DType::f6_e3m2, "F6_E3M2", 6}, {DType::u8, "U8", 8},           {DType::i8, "I8", 8},
    {DType::f8_e5m2, "F8_E5M2", 8}, {DType::f8_e4m3, "F8_E4M3", 8}, {DType::f8_e8m0, "F8_E8M0", 8},
    {DType::i16, "I16", 16},        {DType::u16, "U16", 16},        {DType::f16, "F16", 16},
    {DType::bf16, "BF16", 16},      {DType::i32, "I32", 32},        {DType::u32, "U32", 32},
    {DType::f32, "F32", 32},        {DType::c64, "C64", 64},        {DType::f64, "F64", 64},
    {DType::i64, "I64", 64},        {DType::u64, "U64", 64},
}};

const DTypeRow& row_of(DType dtype) {
  for (const DTypeRow& row : dtype_table) {
    if (row.dtype == dtype) return row;
  }
  return dtype_table[0];  // not reached: every enumerator is in the table
}

template <class Stored, class Convert>
std::vector<float> converted(std::span<const std::byte> bytes, Convert convert) {
  std::vector<float> values(bytes.size() / sizeof(Stored));
  for (std::size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = convert(stored);
  }
  return values;
}

constexpr auto as_float = [](auto value) { return static_cast<float>(value); };

/// Nothing for a dtype that is no number.
std::optional<std::vector<float>> floats_of(std::span<const std::byte> raw, DType dtype) {
  switch (dtype) {
    case DType::f32:
      return converted<float>(raw, as_float);
    case DType::f64:
      return converted<double>(raw, as_float);
    case DType::f16:
      return converted<std::uint16_t>(raw, half_to_float);
    case DType::bf16:
      return converted<std::uint16_t>(raw, bfloat16_to_float);
    case DType::i64:
      return converted<std::int64_t>(raw, as_float);
    case DType::u64:
      return converted<std::uint64_t>(raw, as_float);
    case DType::i32:
      return converted<std::int32_t>(raw, as_float);
    case DType::u32:
      return converted<std::uint32_t>(raw, as_float);
    case DType::i16:
      return converted<std::int16_t>(raw, as_float);
    case DType::u16:
      return converted<std::uint16_t>(raw, as_float);
    case DType::i8:
      return converted<std::int8_t>(raw, as_float);
    case DType::u8:
      return converted<std::uint8_t>(raw, as_float);
    case DType::boolean:
      return converted<std::uint8_t>(raw, [](std::uint8_t value) { return value ? 1.0f : 0.0f; });
    default:
      return std::nullopt;
  }
}

}  // namespace

std::string_view dtype_name(DType dtype) {
  return row_of(dtype).name;
}
int dtype_bits(DType dtype) {
  return row_of(dtype).bits;
}

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const DTypeRow& row : dtype_table) {
    if (row.name == name) return row.dtype;
  }
  return {};
}

std::int64_t TensorInfo::elements() const {
  std::uint64_t count = 1;  // unsigned: a zero may follow sizes whose product would not fit
  for (const std::int64_t size : shape) count *= static_cast<std::uint64_t>(size);
  return static_cast<std::int64_t>(count);
}

// ---- reading ----

struct SafetensorsFile::Content {
  MappedFile map;
  std::string name;
  SafetensorsHeader header;
  std::span<const std::byte> data;  ///< what follows the header
};

SafetensorsFile::SafetensorsFile(std::unique_ptr<Content> content) : content_(std::move(content)) {}
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;
SafetensorsFile::~SafetensorsFile() = default;

Result<SafetensorsFile> SafetensorsFile::from_bytes(std::span<const std::byte> bytes,
                                                    std::string name) {
  HEADSCOPE_ASSIGN(SafetensorsHeader header, read_safetensors_header(bytes, name));
  auto content = std::make_unique<Content>();
  content->data = bytes.subspan(header.data_start);
  content->header = std::move(header);
  content->name = std::move(name);
  return SafetensorsFile(std::move(content));
}

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
  HEADSCOPE_ASSIGN(MappedFile map, MappedFile::open(path));
  HEADSCOPE_ASSIGN(SafetensorsFile file, from_bytes(map.bytes(), path.string()));
  file.content_->map = std::move(map);
  return file;
}

const std::map<std::string, TensorInfo, std::less<>>& SafetensorsFile::tensors() const {
  return content_->header.tensors;
}
const std::map<std::string, std::string, std::less<>>& SafetensorsFile::metadata() const {
  return content_->header.metadata;
}
const std::string& SafetensorsFile::name() const {
  return content_->name;
}

const TensorInfo* SafetensorsFile::find(std::string_view tensor) const {
  const auto found = tensors().find(tensor);
  return found == tensors().end() ? nullptr : &found->second;
}

Result<std::span<const std::byte>> SafetensorsFile::bytes(std::string_view tensor) const {
  const TensorInfo* info = find(tensor);
  if (!info) return bad_input(name() + ": tensor '" + std::string(tensor) + "' is missing");
  return content_->data.subspan(info->begin, info->byte_size());
}

Result<> SafetensorsFile::unchanged() const {
  return content_->map.path().empty() ? Result<>() : content_->map.unchanged();
}

Result<std::vector<float>> SafetensorsFile::floats(std::string_view tensor) const {
  HEADSCOPE_ASSIGN(const std::span<const std::byte> raw, bytes(tensor));
  auto values = floats_of(raw, find(tensor)->dtype);
  if (!values) {
    return bad_input(name() + ": tensor '" + std::string(tensor) + "' has dtype " +
                     std::string(dtype_name(find(tensor)->dtype)) +
                     ", which is not supported here");
  }
  HEADSCOPE_TRY(unchanged());
  return std::move(*values);
}

// ---- writing ----

Result<> write_safetensors(const std::filesystem::path& path, std::vector<TensorToWrite> tensors,
                           const std::map<std::string, std::string>& metadata) {
  const auto place = [](DType dtype) {
    return std::find_if(dtype_table.begin(), dtype_table.end(),
                        [&](const DTypeRow& row) { return row.dtype == dtype; });
  };
  std::sort(tensors.begin(), tensors.end(), [&](const TensorToWrite& a, const TensorToWrite& b) {
    return a.dtype != b.dtype ? place(b.dtype) < place(a.dtype) : a.name < b.name;
  });
  HEADSCOPE_ASSIGN(const std::string header,
                   make_safetensors_header(tensors, metadata, path.string()));
  HEADSCOPE_ASSIGN(AtomicFileWriter writer, AtomicFileWriter::create(path));
  HEADSCOPE_TRY(writer.write(header));
  for (const TensorToWrite& tensor : tensors) HEADSCOPE_TRY(writer.write(tensor.bytes));
  return writer.commit();
}

// ---- 16-bit floats ----

float half_to_float(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1fu;
  const std::uint32_t fraction = bits & 0x3ffu;
  if (exponent == 0) {  // zero and subnormals: fraction * 2^-24, exact in float
    const float value = static_cast<float>(fraction) * 0x1.0p-24f;
    return sign ? -value : value;
  }
  const std::uint32_t wide = exponent == 31 ? 0xffu : exponent + 112;
  return std::bit_cast<float>(sign | (wide << 23) | (fraction << 13));
}

float bfloat16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

std::uint16_t float_to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  std::uint32_t half = 0;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u;  // NaN
  } else if (magnitude >= 0x477ff000u) {
    half = 0x7c00u;                       // 65520 and above round to infinity
  } else if (magnitude >= 0x38800000u) {  // normal: shift the bias, round to nearest even
    half = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  } else {  // subnormal: adding 0.5 lets the float unit round at 2^-24
    const float sum = std::bit_cast<float>(magnitude) + 0.5f;
    half = std::bit_cast<std::uint32_t>(sum) - 0x3f000000u;
  }
  return static_cast<std::uint16_t>(sign | half);
}

std::uint16_t float_to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace headscope
