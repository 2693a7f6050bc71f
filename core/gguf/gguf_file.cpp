#include "core/gguf/gguf_file.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <mutex>
#include <optional>
#include <utility>

#include <gguf.h>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/text/unicode.h"

namespace headscope {
namespace fs = std::filesystem;

namespace {

constexpr std::string_view magic = "GGUF";
constexpr std::size_t fixed_header = 24;  // magic, version, numbers of tensors and of values
// Far above every published model; bounds what a hostile header makes ggml allocate.
constexpr std::uint64_t max_entries = 1 << 20;

struct FreeContext {
  void operator()(gguf_context* context) const { gguf_free(context); }
};
using Context = std::unique_ptr<gguf_context, FreeContext>;

/// What ggml has to say about a file that it refuses: it writes to a log instead of returning it.
thread_local std::string ggml_complaint;

void keep_first_complaint(ggml_log_level level, const char* text, void*) {
  if (level != GGML_LOG_LEVEL_ERROR || !ggml_complaint.empty()) return;
  std::string_view line = text;
  if (const auto colon = line.find(": "); colon != line.npos) line.remove_prefix(colon + 2);
  while (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  ggml_complaint = unicode::lossy(line);
}

/// The part of the header that tells how much follows.
Result<> check_fixed_header(std::span<const std::byte> bytes, const std::string& name) {
  if (bytes.size() < fixed_header || std::memcmp(bytes.data(), magic.data(), magic.size()) != 0) {
    return bad_input(name + ": not a GGUF file (expected to begin with \"GGUF\")");
  }
  std::uint32_t version = 0;
  std::uint64_t tensors = 0, values = 0;
  std::memcpy(&version, bytes.data() + 4, sizeof version);
  std::memcpy(&tensors, bytes.data() + 8, sizeof tensors);
  std::memcpy(&values, bytes.data() + 16, sizeof values);
  if (version != 2 && version != 3) {
    return bad_input(name + ": GGUF version " + std::to_string(version) +
                     " is not supported (expected 2 or 3, little-endian); convert the model again");
  }
  if (tensors > max_entries || values > max_entries) {
    return bad_input(name + ": damaged GGUF file: " + std::to_string(tensors) + " tensors and " +
                     std::to_string(values) + " values are announced");
  }
  return {};
}

Result<Context> parse(std::span<const std::byte> bytes, const std::string& name) {
  HEADSCOPE_TRY(check_fixed_header(bytes, name));
  static std::once_flag once;
  std::call_once(once, [] { ggml_log_set(keep_first_complaint, nullptr); });
  ggml_complaint.clear();
  Context context;
  try {
    context.reset(gguf_init_from_buffer(bytes.data(), bytes.size(),
                                        gguf_init_params{.no_alloc = true, .ctx = nullptr}));
  } catch (const std::exception& error) {
    ggml_complaint = error.what();
  }
  if (context != nullptr && gguf_get_alignment(context.get()) % 8 != 0) {
    return bad_input(name + ": general.alignment is not a multiple of 8");
  }
  if (context != nullptr) return context;
  return bad_input(name + ": damaged GGUF file" +
                   (ggml_complaint.empty() ? "" : ": " + ggml_complaint));
}

/// The shortest decimal that is this float: 1e-5 is meant where 9.99999974e-06 is stored.
double as_written(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double number = value;
  std::from_chars(text, end, number);
  return number;
}

/// One number as JSON; nothing for texts. `at` counts elements of an array.
std::optional<Json> number_at(gguf_type type, const void* data, std::size_t at) {
  const auto as = [&]<typename T>(T) {
    T value;
    std::memcpy(&value, static_cast<const char*>(data) + at * sizeof(T), sizeof(T));
    return value;
  };
  switch (type) {
    case GGUF_TYPE_UINT8:
      return as(std::uint8_t{});
    case GGUF_TYPE_INT8:
      return as(std::int8_t{});
    case GGUF_TYPE_UINT16:
      return as(std::uint16_t{});
    case GGUF_TYPE_INT16:
      return as(std::int16_t{});
    case GGUF_TYPE_UINT32:
      return as(std::uint32_t{});
    case GGUF_TYPE_INT32:
      return as(std::int32_t{});
    case GGUF_TYPE_UINT64:
      return as(std::uint64_t{});
    case GGUF_TYPE_INT64:
      return as(std::int64_t{});
    case GGUF_TYPE_FLOAT32:
      return as_written(as(float{}));
    case GGUF_TYPE_FLOAT64:
      return as(double{});
    case GGUF_TYPE_BOOL:
      return as(std::int8_t{}) != 0;
    default:
      return std::nullopt;
  }
}

/// Value `id`; nothing for an array that is too long to be listed.
std::optional<Json> value_of(const gguf_context* context, std::int64_t id) {
  const gguf_type type = gguf_get_kv_type(context, id);
  if (type == GGUF_TYPE_STRING) return Json(unicode::lossy(gguf_get_val_str(context, id)));
  if (type != GGUF_TYPE_ARRAY) return number_at(type, gguf_get_val_data(context, id), 0);
  const std::size_t size = gguf_get_arr_n(context, id);
  if (size > GgufFile::max_listed) return std::nullopt;
  const gguf_type element = gguf_get_arr_type(context, id);
  Json list = Json::array();
  for (std::size_t i = 0; i < size; ++i) {
    if (element == GGUF_TYPE_STRING) {
      list.push_back(unicode::lossy(gguf_get_arr_str(context, id, i)));
    } else if (auto number = number_at(element, gguf_get_arr_data(context, id), i)) {
      list.push_back(std::move(*number));
    }
  }
  return list;
}

Json read_metadata(const gguf_context* context) {
  Json metadata = Json::object();
  for (std::int64_t id = 0; id < gguf_get_n_kv(context); ++id) {
    if (auto value = value_of(context, id)) metadata[gguf_get_key(context, id)] = std::move(*value);
  }
  return metadata;
}

std::string type_name(ggml_type type) {
  std::string name = ggml_type_name(type);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  return name;
}

GgufTensor describe(const gguf_context* context, std::int64_t id) {
  GgufTensor tensor;
  const ggml_type type = gguf_get_tensor_type(context, id);
  const std::int64_t* sizes = gguf_get_tensor_ne(context, id);
  int dimensions = GGML_MAX_DIMS;  // how many the file gave is not kept: trailing ones say nothing
  while (dimensions > 1 && sizes[dimensions - 1] == 1) --dimensions;
  tensor.shape.assign(std::make_reverse_iterator(sizes + dimensions),
                      std::make_reverse_iterator(sizes));
  tensor.type = type_name(type);
  tensor.type_code = type;
  tensor.readable = type == GGML_TYPE_F32 || ggml_get_type_traits(type)->to_float != nullptr;
  return tensor;
}

/// Adds the tensors of one part. ggml checks offsets against each other, not against the file.
Result<> add_tensors(const gguf_context* context, std::span<const std::byte> bytes,
                     const std::string& name,
                     std::map<std::string, GgufTensor, std::less<>>& tensors) {
  for (std::int64_t id = 0; id < gguf_get_n_tensors(context); ++id) {
    const std::string tensor_name = gguf_get_tensor_name(context, id);
    GgufTensor tensor = describe(context, id);
    const std::size_t start = gguf_get_data_offset(context);
    const std::size_t offset = gguf_get_tensor_offset(context, id);
    const std::size_t size = gguf_get_tensor_size(context, id);
    if (size == 0) return bad_input(name + ": tensor '" + tensor_name + "' is empty");
    if (start > bytes.size() || offset > bytes.size() - start ||
        size > bytes.size() - start - offset) {
      return bad_input(name + ": tensor '" + tensor_name + "' goes beyond the end of the file (" +
                       std::to_string(bytes.size()) +
                       " bytes): the download may be incomplete; fetch the file again");
    }
    tensor.bytes = bytes.subspan(start + offset, size);
    if (!tensors.emplace(tensor_name, std::move(tensor)).second) {
      return bad_input(name + ": tensor '" + tensor_name + "' is in two parts of the model");
    }
  }
  return {};
}

/// Path of part `number` (from 0) of a split model, by the name of its first part.
Result<fs::path> part_path(const fs::path& first, std::int64_t number, std::int64_t count) {
  char ending[40], wanted[40];
  std::snprintf(ending, sizeof ending, "-%05d-of-%05d.gguf", 1, static_cast<int>(count));
  std::snprintf(wanted, sizeof wanted, "-%05d-of-%05d.gguf", static_cast<int>(number + 1),
                static_cast<int>(count));
  const std::string file = first.filename().string();
  if (!file.ends_with(ending)) {
    return bad_input(first.string() + ": is the first of " + std::to_string(count) +
                     " parts, so its name must end with " + ending);
  }
  return first.parent_path() / (file.substr(0, file.size() - std::strlen(ending)) + wanted);
}

/// How many parts the model has, judged by its first one.
Result<std::int64_t> count_parts(const Json& metadata, const std::string& name) {
  HEADSCOPE_ASSIGN(const JsonObject values, JsonObject::open(metadata, name));
  if (!values.has("split.count")) return 1;
  HEADSCOPE_ASSIGN(const std::int64_t count, values.integer("split.count", 0, 99'999));
  HEADSCOPE_ASSIGN(const std::int64_t number, values.integer_or("split.no", 0));
  if (number != 0) {
    return bad_input(name + ": is part " + std::to_string(number + 1) + " of " +
                     std::to_string(count) + "; name the first part, ...-00001-of-" +
                     (std::to_string(100'000 + count).substr(1)) + ".gguf");
  }
  return std::max<std::int64_t>(count, 1);
}

}  // namespace

struct GgufFile::Content {
  std::string name;
  std::vector<fs::path> paths;
  std::vector<MappedFile> maps;
  Context first;  ///< of the first part: it holds the metadata
  Json metadata;
  std::map<std::string, GgufTensor, std::less<>> tensors;

  Result<> add_part(const fs::path& path);
  Result<> add_bytes(std::span<const std::byte> bytes, const std::string& part);
  /// Id of the array `key`; -1 when there is none.
  Result<std::int64_t> array(const std::string& key, const char* expected,
                             bool (*accepts)(gguf_type)) const;
};

Result<> GgufFile::Content::add_part(const fs::path& path) {
  HEADSCOPE_ASSIGN(MappedFile map, MappedFile::open(path));
  HEADSCOPE_TRY(add_bytes(map.bytes(), path.string()));
  paths.push_back(path);
  maps.push_back(std::move(map));
  return {};
}

Result<> GgufFile::Content::add_bytes(std::span<const std::byte> bytes, const std::string& part) {
  HEADSCOPE_ASSIGN(Context context, parse(bytes, part));
  HEADSCOPE_TRY(add_tensors(context.get(), bytes, part, tensors));
  if (first == nullptr) {
    metadata = read_metadata(context.get());
    first = std::move(context);
  }
  return {};
}

Result<std::int64_t> GgufFile::Content::array(const std::string& key, const char* expected,
                                              bool (*accepts)(gguf_type)) const {
  const std::int64_t id = gguf_find_key(first.get(), key.c_str());
  if (id < 0) return id;
  if (gguf_get_kv_type(first.get(), id) == GGUF_TYPE_ARRAY &&
      accepts(gguf_get_arr_type(first.get(), id))) {
    return id;
  }
  return bad_input(name + ": field '" + key + "' expected an array of " + expected);
}

GgufFile::GgufFile(std::unique_ptr<Content> content) : content_(std::move(content)) {}
GgufFile::GgufFile(GgufFile&&) noexcept = default;
GgufFile& GgufFile::operator=(GgufFile&&) noexcept = default;
GgufFile::~GgufFile() = default;

Result<GgufFile> GgufFile::open(const fs::path& path) {
  auto content = std::make_unique<Content>();
  content->name = path.string();
  HEADSCOPE_TRY(content->add_part(path));
  HEADSCOPE_ASSIGN(const std::int64_t parts, count_parts(content->metadata, content->name));
  for (std::int64_t number = 1; number < parts; ++number) {
    HEADSCOPE_ASSIGN(const fs::path part, part_path(path, number, parts));
    HEADSCOPE_TRY(content->add_part(part));
  }
  return GgufFile(std::move(content));
}

Result<GgufFile> GgufFile::from_bytes(std::span<const std::byte> bytes, std::string name) {
  auto content = std::make_unique<Content>();
  content->name = std::move(name);
  HEADSCOPE_TRY(content->add_bytes(bytes, content->name));
  HEADSCOPE_ASSIGN(const std::int64_t parts, count_parts(content->metadata, content->name));
  if (parts != 1) return bad_input(content->name + ": is only one of several parts");
  return GgufFile(std::move(content));
}

const std::string& GgufFile::name() const {
  return content_->name;
}
const std::vector<fs::path>& GgufFile::files() const {
  return content_->paths;
}
const Json& GgufFile::metadata() const {
  return content_->metadata;
}
const std::map<std::string, GgufTensor, std::less<>>& GgufFile::tensors() const {
  return content_->tensors;
}
Result<> GgufFile::unchanged() const {
  for (const MappedFile& map : content_->maps) HEADSCOPE_TRY(map.unchanged());
  return {};
}

Result<std::vector<std::string>> GgufFile::strings(const std::string& key) const {
  HEADSCOPE_ASSIGN(const std::int64_t id, content_->array(key, "texts", [](gguf_type t) {
    return t == GGUF_TYPE_STRING;
  }));
  std::vector<std::string> list;
  if (id < 0) return list;
  const std::size_t size = gguf_get_arr_n(content_->first.get(), id);
  list.reserve(size);
  for (std::size_t i = 0; i < size; ++i) {
    list.emplace_back(gguf_get_arr_str(content_->first.get(), id, i));
    if (unicode::valid_prefix(list.back()) != list.back().size()) {
      return bad_input(name() + ": field '" + key + "', element " + std::to_string(i) +
                       " is not valid UTF-8");
    }
  }
  return list;
}

Result<std::vector<std::int64_t>> GgufFile::integers(const std::string& key) const {
  HEADSCOPE_ASSIGN(const std::int64_t id, content_->array(key, "integers", [](gguf_type t) {
    return t <= GGUF_TYPE_INT32 || t == GGUF_TYPE_UINT64 || t == GGUF_TYPE_INT64;
  }));
  std::vector<std::int64_t> list;
  if (id < 0) return list;
  const gguf_type type = gguf_get_arr_type(content_->first.get(), id);
  const void* data = gguf_get_arr_data(content_->first.get(), id);
  const std::size_t size = gguf_get_arr_n(content_->first.get(), id);
  list.reserve(size);
  for (std::size_t i = 0; i < size; ++i) {
    list.push_back(number_at(type, data, i)->get<std::int64_t>());
  }
  return list;
}

Result<std::vector<float>> GgufFile::numbers(const std::string& key) const {
  HEADSCOPE_ASSIGN(const std::int64_t id, content_->array(key, "numbers", [](gguf_type t) {
    return t == GGUF_TYPE_FLOAT32 || t == GGUF_TYPE_INT32;
  }));
  std::vector<float> list;
  if (id < 0) return list;
  const gguf_type type = gguf_get_arr_type(content_->first.get(), id);
  const void* data = gguf_get_arr_data(content_->first.get(), id);
  const std::size_t size = gguf_get_arr_n(content_->first.get(), id);
  list.reserve(size);
  for (std::size_t i = 0; i < size; ++i) {
    list.push_back(number_at(type, data, i)->get<float>());
  }
  return list;
}

std::int64_t GgufTensor::rows() const {
  std::int64_t rows = 1;
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  return rows;
}

bool is_gguf(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return false;
  char start[4] = {};
  std::ifstream file(path, std::ios::binary);
  return file.read(start, sizeof start) && std::string_view(start, sizeof start) == magic;
}

void read_row(const GgufTensor& tensor, std::int64_t row, float* out) {
  const auto type = static_cast<ggml_type>(tensor.type_code);
  const std::size_t row_bytes = ggml_row_size(type, tensor.columns());
  const std::byte* from = tensor.bytes.data() + static_cast<std::size_t>(row) * row_bytes;
  if (type == GGML_TYPE_F32) {
    std::memcpy(out, from, row_bytes);
  } else {
    ggml_get_type_traits(type)->to_float(from, out, tensor.columns());
  }
}

}  // namespace headscope
