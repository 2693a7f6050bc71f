#include "core/base/safetensors_header.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "core/base/json.h"

namespace headscope {
namespace {

constexpr std::uint64_t max_header_bytes = 100'000'000;

/// Bytes of a tensor; nothing when shape or shape times element size does not fit into 64 bits or
/// is no whole number of bytes.
std::optional<std::uint64_t> size_in_bytes(DType dtype, const std::vector<std::int64_t>& shape) {
  std::uint64_t bits = static_cast<std::uint64_t>(dtype_bits(dtype));
  std::uint64_t elements = 1;
  for (const std::int64_t size : shape) {
    if (size < 0) return {};
    if (__builtin_mul_overflow(elements, static_cast<std::uint64_t>(size), &elements)) return {};
  }
  if (elements > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return {};
  if (__builtin_mul_overflow(bits, elements, &bits) || bits % 8 != 0) return {};
  return bits / 8;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ',';
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

/// The first key that an object has twice, with the key of the object before it: the parser keeps
/// only the last of two equal keys, so that a name could mean either. `text` is valid JSON.
std::optional<std::string> repeated_key(std::string_view text) {
  struct Finder final : nlohmann::json_sax<Json> {
    std::vector<std::set<std::string>> open;
    std::string owner;  ///< the last key of the outermost object
    std::optional<std::string> repeated;
    bool null() override { return true; }
    bool boolean(bool) override { return true; }
    bool number_integer(number_integer_t) override { return true; }
    bool number_unsigned(number_unsigned_t) override { return true; }
    bool number_float(number_float_t, const string_t&) override { return true; }
    bool string(string_t&) override { return true; }
    bool binary(binary_t&) override { return true; }
    bool start_object(std::size_t) override {
      open.emplace_back();
      return true;
    }
    bool key(string_t& value) override {
      if (open.size() == 1) owner = value;
      if (open.back().insert(value).second) return true;
      repeated = open.size() == 1 ? "'" + value + "'" : "'" + owner + "': '" + value + "'";
      return false;
    }
    bool end_object() override {
      open.pop_back();
      return true;
    }
    bool start_array(std::size_t) override { return true; }
    bool end_array() override { return true; }
    bool parse_error(std::size_t, const std::string&, const Json::exception&) override {
      return false;
    }
  } finder;
  Json::sax_parse(text.begin(), text.end(), &finder);
  return finder.repeated;
}

Result<TensorInfo> read_tensor_info(const JsonObject& header, const std::string& tensor,
                                    const std::string& name) {
  const std::string where = name + ": tensor '" + tensor + "'";
  const Json& value = *header.find(tensor);
  HEADSCOPE_ASSIGN(const JsonObject entry, JsonObject::open(value, where));
  HEADSCOPE_ASSIGN(const std::string dtype, entry.string("dtype"));
  const auto known = dtype_from_name(dtype);
  if (!known) return bad_input(where + " has the unknown dtype \"" + dtype + "\"");
  TensorInfo info;
  info.dtype = *known;
  HEADSCOPE_ASSIGN(info.shape, entry.integers("shape"));
  HEADSCOPE_ASSIGN(const std::vector<std::int64_t> offsets, entry.integers("data_offsets"));
  if (offsets.size() != 2 || offsets[0] < 0 || offsets[1] < offsets[0]) {
    return tl::unexpected(entry.wrong("data_offsets", "two ascending byte positions"));
  }
  info.begin = static_cast<std::uint64_t>(offsets[0]);
  info.end = static_cast<std::uint64_t>(offsets[1]);
  const auto size = size_in_bytes(info.dtype, info.shape);
  if (!size) {
    return bad_input(where + ": shape " + shape_text(info.shape) + " of " + dtype +
                     " is negative, overflows or is no whole number of bytes");
  }
  if (*size != info.byte_size()) {
    return bad_input(where + ": shape " + shape_text(info.shape) + " of " + dtype + " needs " +
                     std::to_string(*size) + " bytes, data_offsets give " +
                     std::to_string(info.byte_size()));
  }
  return info;
}

/// Tensors must follow each other without hole or overlap and end where the file ends.
Result<> check_layout(const SafetensorsHeader& header, std::uint64_t data_bytes,
                      const std::string& name) {
  std::vector<std::pair<const TensorInfo*, const std::string*>> order;
  for (const auto& [tensor, info] : header.tensors) order.emplace_back(&info, &tensor);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first->begin, a.first->end) < std::pair(b.first->begin, b.first->end);
  });
  std::uint64_t expected = 0;
  for (const auto& [info, tensor] : order) {
    if (info->begin != expected) {
      return bad_input(name + ": tensor '" + *tensor + "' begins at byte " +
                       std::to_string(info->begin) + ", expected " + std::to_string(expected) +
                       " (tensors must follow each other without holes or overlaps)");
    }
    expected = info->end;
  }
  if (expected != data_bytes) {
    const std::string last =
        order.empty() ? std::string("the header") : "tensor '" + *order.back().second + "'";
    return bad_input(name + ": " + last + " ends at byte " + std::to_string(expected) +
                     " of the data, but the file holds " + std::to_string(data_bytes) +
                     (expected > data_bytes ? " (cut short?)" : " (bytes after the last tensor)"));
  }
  return {};
}

Result<> read_metadata(const JsonObject& header, SafetensorsHeader& result,
                       const std::string& name) {
  if (!header.has("__metadata__")) return {};
  HEADSCOPE_ASSIGN(const JsonObject metadata, header.object("__metadata__"));
  for (const auto& [key, value] : metadata.value().items()) {
    if (!value.is_string()) {
      return bad_input(name + ": __metadata__ field '" + key + "' expected a string");
    }
    result.metadata.emplace(key, value.get<std::string>());
  }
  return {};
}

}  // namespace

Result<SafetensorsHeader> read_safetensors_header(std::span<const std::byte> file,
                                                  const std::string& name) {
  std::uint64_t length = 0;
  if (file.size() < sizeof length) {
    return bad_input(name + ": too small for a safetensors file (" + std::to_string(file.size()) +
                     " bytes)");
  }
  std::memcpy(&length, file.data(), sizeof length);
  if (length > max_header_bytes) {
    return bad_input(name + ": header length " + std::to_string(length) +
                     " is more than 100 MB: damaged, or no safetensors file");
  }
  if (length > file.size() - sizeof length) {
    return bad_input(name + ": header length " + std::to_string(length) + " exceeds the file of " +
                     std::to_string(file.size()) + " bytes (cut short?)");
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + sizeof length,
                              static_cast<std::size_t>(length));
  if (text.empty() || text.front() != '{') {
    return bad_input(name + ": header does not begin with '{': no safetensors file");
  }
  HEADSCOPE_ASSIGN(const Json json, parse_json(text, name + ": header"));
  if (const auto key = repeated_key(text)) {
    return bad_input(name + ": the header has twice " + *key);
  }
  HEADSCOPE_ASSIGN(const JsonObject header, JsonObject::open(json, name));
  SafetensorsHeader result;
  result.data_start = sizeof length + static_cast<std::size_t>(length);
  HEADSCOPE_TRY(read_metadata(header, result, name));
  for (const auto& [tensor, unused] : json.items()) {
    if (tensor == "__metadata__") continue;
    HEADSCOPE_ASSIGN(TensorInfo info, read_tensor_info(header, tensor, name));
    result.tensors.emplace(tensor, std::move(info));
  }
  HEADSCOPE_TRY(check_layout(result, file.size() - result.data_start, name));
  return result;
}

Result<std::string> make_safetensors_header(const std::vector<TensorToWrite>& tensors,
                                            const std::map<std::string, std::string>& metadata,
                                            const std::string& name) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::set<std::string_view> seen;
  std::uint64_t position = 0;
  for (const TensorToWrite& tensor : tensors) {
    const std::string where = name + ": tensor '" + tensor.name + "'";
    if (tensor.name == "__metadata__" || !seen.insert(tensor.name).second) {
      return fail(ErrorKind::internal, where + " has a name that is reserved or used twice");
    }
    const auto size = size_in_bytes(tensor.dtype, tensor.shape);
    if (!size || *size != tensor.bytes.size()) {
      return fail(ErrorKind::internal, where + " of shape " + shape_text(tensor.shape) + " got " +
                                           std::to_string(tensor.bytes.size()) + " bytes");
    }
    header[tensor.name] = {{"dtype", dtype_name(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {position, position + *size}}};
    position += *size;
  }
  std::string text = header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  text.append((8 - text.size() % 8) % 8, ' ');
  if (text.size() > max_header_bytes) {
    return fail(ErrorKind::internal, name + ": the header would exceed 100 MB");
  }
  std::string bytes(sizeof(std::uint64_t), '\0');
  const std::uint64_t length = text.size();
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + text;
}

}  // namespace headscope
