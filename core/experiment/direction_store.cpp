#include "core/experiment/direction_store.h"

#include <zlib.h>

#include <array>
#include <cstring>
#include <limits>
#include <span>
#include <system_error>

#include "core/base/json.h"

namespace headscope {
namespace {

// The file: kMagic, then per sample a RecordHead, JSON and floats (queries of every layer, keys of
// every layer).
constexpr std::array<char, 16> kMagic = {'h', 'e', 'a', 'd', 's', 'c', 'o',  'p',
                                         'e', '-', 'k', 'q', '-', '1', '\n', 0};
constexpr std::uint64_t kMostJson = std::uint64_t{1} << 30;

struct RecordHead {
  std::uint64_t json_bytes = 0, float_bytes = 0;
  std::uint32_t json_crc = 0, float_crc = 0;
};

std::uint32_t crc(std::uint32_t sum, const void* bytes, std::size_t count) {
  return static_cast<std::uint32_t>(crc32_z(sum, static_cast<const unsigned char*>(bytes), count));
}

template <class Function>
void for_each_array(DirectionSample& sample, Function function) {
  for (auto& values : sample.capture.queries) function(values);
  for (auto& values : sample.capture.key_values) function(values);
}

std::uint64_t float_bytes(const DirectionSample& outline, const DirectionShape& shape) {
  const auto vectors = static_cast<std::uint64_t>(shape.heads * outline.capture.rows.size() +
                                                  shape.kv_heads * outline.capture.keys);
  return vectors * static_cast<std::uint64_t>(shape.layers) *
         static_cast<std::uint64_t>(shape.head_dim) * sizeof(float);
}

void make_room(DirectionSample& sample, const DirectionShape& shape) {
  const auto width = static_cast<std::size_t>(shape.head_dim);
  sample.capture.queries.resize(static_cast<std::size_t>(shape.layers));
  sample.capture.key_values.resize(static_cast<std::size_t>(shape.layers));
  for (auto& values : sample.capture.queries)
    values.resize(static_cast<std::size_t>(shape.heads * sample.capture.rows.size()) * width);
  for (auto& values : sample.capture.key_values)
    values.resize(static_cast<std::size_t>(shape.kv_heads * sample.capture.keys) * width);
}

DirectionSample outline_of(const DirectionSample& sample) {
  DirectionSample outline;
  outline.capture.keys = sample.capture.keys;
  outline.capture.rows = sample.capture.rows;
  outline.gold = sample.gold;
  outline.irrelevant = sample.irrelevant;
  return outline;
}

Json header_of(const DirectionSample& sample) {
  return {{"keys", sample.capture.keys},
          {"rows", {sample.capture.rows.begin, sample.capture.rows.end}},
          {"gold", sample.gold},
          {"irrelevant", sample.irrelevant}};
}

Result<DirectionSample> outline_from(const Json& header, const std::string& name) {
  constexpr std::int64_t most = std::int64_t{1} << 32;
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(header, name));
  DirectionSample outline;
  HEADSCOPE_ASSIGN(outline.capture.keys, object.integer("keys", 1, most));
  HEADSCOPE_ASSIGN(const auto rows, object.integers("rows"));
  if (rows.size() != 2 || rows[0] < 0 || rows[1] <= rows[0] || rows[1] > outline.capture.keys)
    return tl::unexpected(object.wrong("rows", "a range of rows"));
  outline.capture.rows = {rows[0], rows[1]};
  HEADSCOPE_ASSIGN(outline.gold, object.integers("gold"));
  HEADSCOPE_ASSIGN(outline.irrelevant, object.integers("irrelevant"));
  return outline;
}

bool read_bytes(std::fstream& file, void* to, std::uint64_t count) {
  file.read(static_cast<char*>(to), static_cast<std::streamsize>(count));
  return file.good();
}

}  // namespace

Error DirectionStore::broken(const std::string& what) const {
  return {ErrorKind::bad_input, path_.string() + ": " + what};
}

Result<DirectionStore> DirectionStore::open(const std::filesystem::path& file,
                                            const DirectionShape& shape,
                                            std::uint64_t memory_bytes) {
  DirectionStore store;
  store.path_ = file;
  store.shape_ = shape;
  store.memory_left_ = memory_bytes;
  if (file.empty()) {
    store.memory_left_ = std::numeric_limits<std::uint64_t>::max();
    return store;
  }
  std::error_code code;
  if (std::filesystem::exists(file, code)) {
    HEADSCOPE_TRY(store.read_records());
  } else {
    HEADSCOPE_TRY(store.begin_file());
  }
  return store;
}

Result<> DirectionStore::begin_file() {
  file_.open(path_, std::ios::in | std::ios::out | std::ios::binary | std::ios::trunc);
  file_.write(kMagic.data(), kMagic.size());
  file_.flush();
  if (!file_) return tl::unexpected(broken("cannot be written; is the disk full?"));
  end_ = kMagic.size();
  return {};
}

Result<> DirectionStore::read_records() {
  std::error_code code;
  const std::uint64_t size = std::filesystem::file_size(path_, code);
  file_.open(path_, std::ios::in | std::ios::out | std::ios::binary);
  std::array<char, kMagic.size()> magic{};
  if (code || !file_ || !read_bytes(file_, magic.data(), magic.size()) || magic != kMagic) {
    return tl::unexpected(broken("is not a file of keys and queries of this version; delete it"));
  }
  end_ = kMagic.size();
  while (end_ < size) {
    HEADSCOPE_ASSIGN(const bool whole, read_record(size));
    if (!whole) break;
  }
  file_.clear();
  if (end_ < size) {
    std::filesystem::resize_file(path_, end_, code);
    if (code) return tl::unexpected(broken("its torn end cannot be cut off: " + code.message()));
  }
  return {};
}

// False: torn or damaged. An intact record that makes no sense is an error.
Result<bool> DirectionStore::read_record(std::uint64_t file_size) {
  RecordHead head;
  file_.seekg(static_cast<std::streamoff>(end_));
  if (file_size - end_ < sizeof head || !read_bytes(file_, &head, sizeof head)) return false;
  const std::uint64_t rest = file_size - end_ - sizeof head;
  if (head.json_bytes > std::min(rest, kMostJson) || head.float_bytes > rest - head.json_bytes)
    return false;
  std::string text(static_cast<std::size_t>(head.json_bytes), 0);
  if (!read_bytes(file_, text.data(), text.size()) ||
      crc(0, text.data(), text.size()) != head.json_crc) {
    return false;
  }
  HEADSCOPE_ASSIGN(const auto json, parse_json(text, path_.string()));
  if (json.is_object() && json.contains("skipped") && json["skipped"].is_string()) {
    ++skipped_[json["skipped"].get<std::string>()];
  } else {
    HEADSCOPE_ASSIGN(auto sample, outline_from(json, path_.string()));
    if (head.float_bytes != float_bytes(sample, shape_)) {
      return tl::unexpected(broken("holds keys and queries of another model; delete it"));
    }
    const std::uint64_t payload = end_ + sizeof head + head.json_bytes;
    make_room(sample, shape_);
    std::uint32_t sum = 0;
    bool whole = true;
    for_each_array(sample, [&](std::vector<float>& values) {
      whole = whole && read_bytes(file_, values.data(), values.size() * sizeof(float));
      sum = crc(sum, values.data(), values.size() * sizeof(float));
    });
    if (!whole || sum != head.float_crc) return false;
    keep(std::move(sample), payload);
  }
  ++finished_;
  end_ += sizeof head + head.json_bytes + head.float_bytes;
  return true;
}

void DirectionStore::keep(DirectionSample sample, std::uint64_t payload) {
  entries_.push_back({payload, outline_of(sample)});
  const std::uint64_t bytes = float_bytes(sample, shape_);
  // Only the first samples: `at` finds them by their index.
  if (in_memory_.size() + 1 == entries_.size() && bytes <= memory_left_) {
    memory_left_ -= bytes;
    in_memory_.push_back(std::move(sample));
  }
}

Result<> DirectionStore::append(const Json& header, const DirectionSample* sample) {
  const std::string text = dump_json(header);
  RecordHead head{text.size(), sample != nullptr ? float_bytes(*sample, shape_) : 0,
                  crc(0, text.data(), text.size()), 0};
  const auto each = [&](auto function) {
    if (sample == nullptr) return;
    for (const auto& values : sample->capture.queries) function(values);
    for (const auto& values : sample->capture.key_values) function(values);
  };
  each([&](const std::vector<float>& values) {
    head.float_crc = crc(head.float_crc, values.data(), values.size() * sizeof(float));
  });
  file_.clear();
  file_.seekp(static_cast<std::streamoff>(end_));
  file_.write(reinterpret_cast<const char*>(&head), sizeof head);
  file_.write(text.data(), static_cast<std::streamsize>(text.size()));
  each([&](const std::vector<float>& values) {
    file_.write(reinterpret_cast<const char*>(values.data()),
                static_cast<std::streamsize>(values.size() * sizeof(float)));
  });
  file_.flush();
  if (!file_) {
    return tl::unexpected(
        broken("cannot be written to; is the disk full? What was collected is kept: make room and "
               "run again"));
  }
  end_ += sizeof head + head.json_bytes + head.float_bytes;
  return {};
}

Result<> DirectionStore::add(DirectionSample sample) {
  std::uint64_t floats = 0;
  for_each_array(sample, [&](const std::vector<float>& values) { floats += values.size(); });
  if (floats * sizeof(float) != float_bytes(sample, shape_)) {
    return fail(ErrorKind::internal, "keys and queries do not have the shape of the model");
  }
  const Json header = header_of(sample);
  const std::uint64_t payload = end_ + sizeof(RecordHead) + dump_json(header).size();
  if (!path_.empty()) HEADSCOPE_TRY(append(header, &sample));
  keep(std::move(sample), payload);
  ++finished_;
  return {};
}

Result<> DirectionStore::skip(const std::string& reason) {
  if (!path_.empty()) HEADSCOPE_TRY(append({{"skipped", reason}}, nullptr));
  ++skipped_[reason];
  ++finished_;
  return {};
}

Result<const DirectionSample*> DirectionStore::at(std::size_t index) {
  if (index < in_memory_.size()) return &in_memory_[index];
  const Entry& entry = entries_[index];
  scratch_.capture.keys = entry.outline.capture.keys;
  scratch_.capture.rows = entry.outline.capture.rows;
  scratch_.gold = entry.outline.gold;
  scratch_.irrelevant = entry.outline.irrelevant;
  make_room(scratch_, shape_);
  file_.clear();
  file_.seekg(static_cast<std::streamoff>(entry.payload));
  bool whole = true;
  for_each_array(scratch_, [&](std::vector<float>& values) {
    whole = whole && read_bytes(file_, values.data(), values.size() * sizeof(float));
  });
  if (!whole) return tl::unexpected(broken("cannot be read any more"));
  return &scratch_;
}

}  // namespace headscope
