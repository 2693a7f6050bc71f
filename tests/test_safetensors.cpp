// links: headscope_base
// Safetensors against files and refusals of the reference library
// (goldens/make_safetensors_goldens.py).
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/rng.h"
#include "core/base/safetensors.h"
#include "tests/messages.h"
#include "tests/resources.h"
#include "tests/temporary_folder.h"

using namespace headscope;
namespace fs = std::filesystem;
using test::contains;
using test::message_of;

namespace {

fs::path goldens() {
  return test::source_folder() / "tests" / "goldens";
}

std::span<const std::byte> as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

std::string unhex(const std::string& digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

std::string file_of(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

TensorToWrite float_tensor(std::string name, const std::vector<float>& values) {
  return {std::move(name),
          DType::f32,
          {static_cast<std::int64_t>(values.size())},
          std::as_bytes(std::span(values))};
}

}  // namespace

TEST_CASE("a file of the reference library is read") {
  const auto file = SafetensorsFile::open(goldens() / "small.safetensors");
  REQUIRE_MESSAGE(file.has_value(), message_of(file));
  CHECK(file->tensors().size() == 8);
  CHECK(file->metadata().at("format") == "headscope");
  const TensorInfo* info = file->find("a.i64");
  REQUIRE(info != nullptr);
  CHECK(info->dtype == DType::i64);
  CHECK(info->shape == std::vector<std::int64_t>{2, 2});
  CHECK(info->elements() == 4);
  CHECK(*file->floats("a.i64") == std::vector<float>{1, -2, 3, 0x1.0p40f});
  CHECK(*file->floats("c.u8") == std::vector<float>{0, 1, 2});
  CHECK(*file->floats("d.bool") == std::vector<float>{1, 0});
  CHECK(*file->floats("e.f64") == std::vector<float>{1.5f});
  CHECK(file->find("e.f64")->shape.empty());
  CHECK(file->floats("f.i32")->empty());
  CHECK(*file->floats("\u00e9 \"quoted\"") == std::vector<float>{7});
  CHECK(file->bytes("w.f32")->size() == 24);
  CHECK(message_of(file->bytes("nope")) == file->name() + ": tensor 'nope' is missing");
}

TEST_CASE("writing gives the very bytes of the reference library") {
  const auto original = read_text_file(goldens() / "small.safetensors");
  const auto file = SafetensorsFile::open(goldens() / "small.safetensors");
  REQUIRE(file.has_value());
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, info] : file->tensors()) {
    tensors.push_back({name, info.dtype, info.shape, *file->bytes(name)});
  }
  const test::TemporaryFolder folder;
  REQUIRE(write_safetensors(folder / "copy.safetensors", tensors, {{"format", "headscope"}}));
  CHECK(read_text_file(folder / "copy.safetensors") == *original);
}

TEST_CASE("what the reference refuses is refused, with the file's name") {
  const auto lists = read_json_file(goldens() / "malformed_safetensors.json");
  REQUIRE(lists.has_value());
  for (const char* kind : {"refused", "stricter"}) {
    for (const auto& [name, digits] : (*lists)[kind].items()) {
      CAPTURE(name);
      const std::string bytes = unhex(digits.get<std::string>());
      const auto file = SafetensorsFile::from_bytes(as_bytes(bytes), "weights.safetensors");
      REQUIRE_FALSE(file.has_value());
      CHECK(file.error().kind == ErrorKind::bad_input);
      CHECK(file.error().message.starts_with("weights.safetensors"));
      if (contains(digits.get<std::string>(), "2261223a7b"))
        CHECK(contains(file.error().message, "'a"));
    }
  }
  for (const auto& [name, digits] : (*lists)["accepted"].items()) {
    CAPTURE(name);
    const std::string bytes = unhex(digits.get<std::string>());
    const auto file = SafetensorsFile::from_bytes(as_bytes(bytes), "weights.safetensors");
    CHECK_MESSAGE(file.has_value(), message_of(file));
  }
}

TEST_CASE("messages say what was expected") {
  const auto message = [](const std::string& header, const std::string& data) {
    const std::string bytes = file_of(header, data);
    return message_of(SafetensorsFile::from_bytes(as_bytes(bytes), "w"));
  };
  CHECK(message(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "1234") ==
        "w: tensor 'a': shape [2] of F32 needs 8 bytes, data_offsets give 4");
  CHECK(message(R"({"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}})", "1234") ==
        "w: tensor 'a' has the unknown dtype \"F31\"");
  CHECK(contains(message(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", "12345678"),
                 "tensor 'a' begins at byte 4, expected 0"));
  CHECK(contains(message(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "12"),
                 "tensor 'a' ends at byte 4 of the data, but the file holds 2 (cut short?)"));
  CHECK(contains(message(std::string(300'000, '['), ""), "does not begin with '{'"));
  CHECK(contains(message("{\"a\":" + std::string(300'000, '['), ""), "nested deeper"));
}

TEST_CASE("random damage never crashes and never gives bytes outside the file") {
  const auto original = read_text_file(goldens() / "small.safetensors");
  REQUIRE(original.has_value());
  Rng rng(11);
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = *original;
    for (auto edits = rng.uniform_int(1, 3); edits > 0; --edits) {
      bytes[rng.below(bytes.size())] = static_cast<char>(rng.below(256));
    }
    if (rng.chance(0.2)) bytes.resize(rng.below(bytes.size()));
    const auto file = SafetensorsFile::from_bytes(as_bytes(bytes), "w");
    if (!file) continue;
    ++accepted;
    for (const auto& [name, info] : file->tensors()) {
      const auto raw = file->bytes(name);
      REQUIRE(raw.has_value());
      REQUIRE(reinterpret_cast<const char*>(raw->data()) >= bytes.data());
      REQUIRE(reinterpret_cast<const char*>(raw->data()) + raw->size() <=
              bytes.data() + bytes.size());
      (void)file->floats(name);
    }
  }
  CHECK(accepted > 100);  // damage in the data alone is no damage of the format
}

TEST_CASE("16-bit floats: every half, ties to even, limits") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = half_to_float(half);
    const int exponent = (half >> 10) & 31;
    const double fraction = half & 1023;
    if (exponent == 31) {
      CHECK((fraction == 0 ? std::isinf(value) : std::isnan(value)));
    } else {  // the definition of IEEE 754
      const double magnitude =
          exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
      REQUIRE(value == static_cast<float>(half & 0x8000 ? -magnitude : magnitude));
    }
    if (std::isnan(value)) {
      CHECK(std::isnan(half_to_float(float_to_half(value))));
      continue;
    }
    REQUIRE(float_to_half(value) == half);
  }
  CHECK(float_to_half(1.0f + 0x1.0p-11f) == 0x3c00);  // half way: to even
  CHECK(float_to_half(1.0f + 0x1.8p-10f) == 0x3c02);  // half way: to even
  CHECK(float_to_half(65519.0f) == 0x7bff);
  CHECK(float_to_half(65520.0f) == 0x7c00);
  CHECK(float_to_half(0x1.0p-25f) == 0);  // half of the smallest: to even
  CHECK(float_to_half(0x1.8p-25f) == 1);
  CHECK(float_to_half(-0.0f) == 0x8000);
  CHECK(bfloat16_to_float(0x3f80) == 1.0f);
  CHECK(float_to_bfloat16(1.0f + 0x1.0p-8f) == 0x3f80);
  CHECK(float_to_bfloat16(1.0f + 0x1.8p-7f) == 0x3f82);
  CHECK(std::isnan(bfloat16_to_float(float_to_bfloat16(std::nanf("")))));
  CHECK(float_to_bfloat16(std::bit_cast<float>(0x7f7fffffu)) == 0x7f80);
}

TEST_CASE("writing refuses what it could not read back") {
  const test::TemporaryFolder folder;
  const std::vector<float> values = {1, 2, 3};
  TensorToWrite wrong = float_tensor("a", values);
  wrong.shape = {4};
  CHECK(contains(message_of(write_safetensors(folder / "x", {wrong})), "tensor 'a' of shape [4]"));
  const auto twice =
      write_safetensors(folder / "x", {float_tensor("a", values), float_tensor("a", values)});
  CHECK(contains(message_of(twice), "used twice"));
  CHECK_FALSE(fs::exists(folder / "x"));
  REQUIRE(write_safetensors(folder / "x", {}));
  CHECK(SafetensorsFile::open(folder / "x")->tensors().empty());
}

TEST_CASE("checkpoints: one file, shards, and what can be wrong with an index") {
  const test::TemporaryFolder folder;
  const std::vector<float> ones = {1, 1};
  const std::vector<float> twos = {2, 2, 2};
  CHECK(contains(message_of(Checkpoint::open(folder.path())), "neither model.safetensors nor"));
  CHECK(contains(message_of(Checkpoint::open(folder / "none")), "cannot open"));
  REQUIRE(write_safetensors(folder / "model.safetensors", {float_tensor("one", ones)}));
  {
    const auto checkpoint = Checkpoint::open(folder.path());
    REQUIRE(checkpoint.has_value());
    CHECK(checkpoint->total_bytes() == 8);
    CHECK(checkpoint->files().size() == 1);
    CHECK(contains(message_of(checkpoint->find("two")),
                   "model.safetensors: tensor 'two' is missing"));
    CHECK(Checkpoint::open(folder / "model.safetensors")->contains("one"));
  }
  REQUIRE(write_safetensors(folder / "s1.safetensors", {float_tensor("one", ones)}));
  REQUIRE(write_safetensors(folder / "s2.safetensors", {float_tensor("two", twos)}));
  const auto open_with = [&](const std::string& index) {
    REQUIRE(write_file_atomically(folder / "model.safetensors.index.json", index));
    return Checkpoint::open(folder.path());
  };
  auto checkpoint =
      open_with(R"({"metadata":{},"weight_map":{"one":"s1.safetensors","two":"s2.safetensors"}})");
  REQUIRE_MESSAGE(checkpoint.has_value(), message_of(checkpoint));
  const Checkpoint moved = std::move(*checkpoint);
  CHECK(moved.files().size() == 2);
  CHECK(moved.total_bytes() == 20);
  CHECK(*moved.find("two")->file->floats("two") == twos);
  CHECK(moved.bytes("one")->size() == 8);

  CHECK(contains(
      message_of(open_with(R"({"weight_map":{"one":"s1.safetensors","two":"s1.safetensors"}})")),
      "s1.safetensors: tensor 'two' is missing"));
  CHECK(contains(message_of(open_with(R"({"weight_map":{"one":"s2.safetensors"}})")),
                 "s2.safetensors: tensor 'two' is not placed here by"));
  for (const char* outside : {"../s1.safetensors", "/etc/passwd", "a/../../s1.safetensors", ""}) {
    CAPTURE(outside);
    CHECK(
        contains(message_of(open_with(std::string(R"({"weight_map":{"one":")") + outside + "\"}}")),
                 "field 'weight_map.one' expected the name of a file inside the folder"));
  }
  CHECK(contains(message_of(open_with(R"({"weight_map":{"one":"none.safetensors"}})")),
                 "cannot open"));
  CHECK(contains(message_of(open_with(R"({"weight_map":{}})")), "'weight_map' is empty"));
  CHECK(contains(message_of(open_with(R"({})")), "'weight_map' expected an object"));
  CHECK(contains(message_of(open_with(R"({"weight_map":{"one":3}})")), "'weight_map.one'"));
  CHECK(contains(message_of(open_with("{")), "index.json: JSON"));
}
