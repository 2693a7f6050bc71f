// Files of torch.save without Python: what is read, and what is refused without executing it.
// links: headscope_session
#include <doctest/doctest.h>

#include <cmath>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/session/directions_file.h"
#include "core/session/head_set.h"
#include "core/session/torch_file.h"
#include "core/session/torch_pickle.h"
#include "tests/resources.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using headscope::test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

fs::path goldens() {
  return test::source_folder() / "tests" / "goldens" / "torch";
}

std::string message_of(const fs::path& path) {
  const auto read = read_torch_tensor(path);
  if (read) return "";
  CHECK(read.error().kind == ErrorKind::bad_input);
  return read.error().message;
}

bool says(const std::string& message, const std::string& what) {
  return message.find(what) != std::string::npos;
}

std::vector<float> flat(const Json& layers) {
  std::vector<float> values;
  for (const Json& layer : layers)
    for (const Json& head : layer)
      for (const Json& value : head) values.push_back(value.get<float>());
  return values;
}

}  // namespace

TEST_CASE("a folder as the authors publish it") {
  const auto expected = read_json_file(goldens() / "expected.json");
  REQUIRE(expected);
  const auto read = read_directions(goldens() / "authors");
  REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
  const Directions& directions = read->directions;
  CHECK(directions.layers == 3);
  CHECK(directions.heads == 2);
  CHECK(directions.head_dim == 4);
  CHECK(directions.query == flat((*expected)["q"]));
  CHECK(directions.key == flat((*expected)["k"]));
  const auto view = read_torch_tensor(goldens() / "view.pth");
  REQUIRE(view);
  CHECK(view->shape == std::vector<std::int64_t>{2, 4});
  CHECK(view->values == std::vector<float>{4, 5, 6, 7, 8, 9, 10, 11});
}

TEST_CASE("one file of such a folder names it; what does not fit, or has changed, is refused") {
  const fs::path folder = goldens() / "authors";
  CHECK(directions_named_by(folder / "head_q_directions_0.pth") == folder);
  CHECK(directions_named_by(folder / "head_k_directions_12.pth") == folder);
  CHECK(directions_named_by("head_q_directions_0.pth") == ".");
  CHECK(directions_named_by(folder) == folder);
  CHECK(directions_named_by("mine.safetensors") == "mine.safetensors");
  const auto hash = directions_sha256(folder);
  REQUIRE(hash);
  CHECK(read_fitting_directions(folder, *hash, 3, 2, 4));
  CHECK(read_fitting_directions(folder, "", 3, 2, 4)->query ==
        read_directions(folder)->directions.query);
  const auto other = read_fitting_directions(folder, *hash, 3, 2, 8);
  REQUIRE_FALSE(other);
  CHECK(says(other.error().message, "authors"));
  CHECK(says(other.error().message, "[3, 2, 4]"));
  CHECK(says(other.error().message, "[3, 2, 8]"));
  const auto changed = read_fitting_directions(folder, std::string(64, '0'), 3, 2, 4);
  REQUIRE_FALSE(changed);
  CHECK(says(changed.error().message, "has changed since it was chosen"));
}

TEST_CASE("folders that are not whole") {
  const TemporaryFolder folder;
  const auto refused = [&] {
    const auto read = read_directions(folder.path());
    REQUIRE_FALSE(read);
    return read.error().message;
  };
  CHECK(says(refused(), "found none"));
  fs::create_directory(folder / "direction_relevant");
  fs::copy(goldens() / "authors", folder / "direction_relevant");
  REQUIRE(read_directions(folder.path()));
  const auto hash = directions_sha256(folder.path());
  REQUIRE(hash);
  CHECK(*hash == *directions_sha256(goldens() / "authors"));
  const fs::path inner = folder / "direction_relevant";
  fs::remove(inner / "head_k_directions_2.pth");
  CHECK(says(refused(), "key directions"));
  fs::remove(inner / "head_q_directions_1.pth");
  CHECK(says(refused(), "head_q_directions_1.pth is missing"));
  fs::copy(goldens() / "view.pth", inner / "head_q_directions_1.pth");
  for (int layer = 0; layer < 3; ++layer)
    fs::remove(inner / ("head_k_directions_" + std::to_string(layer) + ".pth"));
  const auto without_keys = read_directions(folder.path());
  REQUIRE(without_keys);
  CHECK(without_keys->directions.key.empty());
}

TEST_CASE("everything else is refused by name, and nothing is executed") {
  const auto cases = read_json_file(goldens() / "refused.json");
  REQUIRE(cases);
  CHECK(cases->size() >= 10);
  for (const auto& [name, word] : cases->items()) {
    const std::string message = message_of(goldens() / "refused" / (name + ".pth"));
    CHECK_MESSAGE(says(message, word.get<std::string>()), name << ": " << message);
    CHECK_MESSAGE(says(message, name + ".pth"), message);
  }
  CHECK_FALSE(fs::exists("executed_by_a_pickle"));
  CHECK(says(message_of(goldens() / "none.pth"), "none.pth"));
}

TEST_CASE("a damaged file is refused, wherever it is cut or changed") {
  const TemporaryFolder folder;
  const auto bytes = read_text_file(goldens() / "authors" / "head_q_directions_0.pth");
  REQUIRE(bytes);
  const auto good = read_torch_tensor(goldens() / "authors" / "head_q_directions_0.pth");
  REQUIRE(good);
  const fs::path file = folder / "x.pth";
  for (std::size_t length = 0; length < bytes->size(); length += 37) {
    REQUIRE(write_file_atomically(file, bytes->substr(0, length)));
    CHECK(message_of(file) != "");
  }
  // Any byte changed: refused, or a byte that does not matter.
  int refused = 0;
  for (std::size_t at = 0; at < bytes->size(); at += 3) {
    std::string changed = *bytes;
    changed[at] = static_cast<char>(changed[at] ^ 0x41);
    REQUIRE(write_file_atomically(file, changed));
    const auto read = read_torch_tensor(file);
    if (read) {
      CHECK(read->values == good->values);
    } else {
      ++refused;
    }
  }
  CHECK(refused > 50);
}

TEST_CASE("pickles of bytes at random end in an error") {
  const std::string whole = [] {
    using namespace std::string_literals;
    return "\x80\x02"
           "ctorch._utils\n_rebuild_tensor_v2\nq\x01((X\x07\0\0\0storage"
           "ctorch\nFloatStorage\nX\x01\0\0\0"
           "0X\x03\0\0\0"
           "cpuK\x08tQK\0K\x02K\x04\x86K\x04K\x01"
           "\x86\x89"
           "ccollections\nOrderedDict\n)RtR."s;
  }();
  const auto read = read_pickled_tensor(whole, "x");
  REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
  CHECK(read->shape == std::vector<std::int64_t>{2, 4});
  CHECK(read->strides == std::vector<std::int64_t>{4, 1});
  CHECK(read->storage_elements == 8);
  for (std::size_t length = 0; length < whole.size(); ++length)
    CHECK_FALSE(read_pickled_tensor(whole.substr(0, length), "x"));
  CHECK_FALSE(read_pickled_tensor(whole + ".", "x"));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int value = 0; value < 256; value += 5) {
      std::string changed = whole;
      changed[at] = static_cast<char>(value);
      (void)read_pickled_tensor(changed, "x");  // an answer or an error, no crash
    }
  }
  const auto system = read_pickled_tensor(
      "\x80\x02"
      "cposix\nsystem\nX\x01",
      "x");
  REQUIRE_FALSE(system);
  CHECK(says(system.error().message, "'posix.system'"));
}

TEST_CASE("a pickle of copies of copies is refused before it fills the memory") {
  using namespace std::string_literals;
  std::string doubling = "\x80\x02)q\0"s;
  for (int i = 0; i < 60; ++i) doubling += "h\0h\0\x86q\0"s;  // a pair of what was remembered
  const auto read = read_pickled_tensor(doubling + ".", "x.pth");
  REQUIRE_FALSE(read);
  CHECK(says(read.error().message, "x.pth: not one float32 tensor"));
  const auto long_text =
      read_pickled_tensor("\x80\x02X\xff\xff\0\0"s + std::string(0xffff, 'a') + ".", "x.pth");
  REQUIRE_FALSE(long_text);
  CHECK(says(long_text.error().message, "longer than a storage's name"));
}

TEST_CASE("the authors' directions of three models") {
  const auto folder = test::shared_resource("reference/focus_direction/head_features");
  if (!folder) SKIP_TEST("no ../shared/reference");
  struct Model {
    const char* name;
    int layers, heads;
  };
  for (const Model& model : {Model{"meta-llama_Llama-3.2-3B-Instruct", 28, 24},
                             Model{"Qwen_Qwen2.5-7B-Instruct", 28, 28},
                             Model{"mistralai_Ministral-8B-Instruct-2410", 36, 32}}) {
    const auto read = read_directions(*folder / model.name);
    REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
    CHECK(read->directions.layers == model.layers);
    CHECK(read->directions.heads == model.heads);
    CHECK(read->directions.head_dim == 128);
    CHECK(read->directions.key.size() == read->directions.query.size());
    // Norms as method.md 3 reports them: keys 0.08-2.5, queries 19-33 in the ranked heads.
    const auto norm = [](const float* values) {
      double squares = 0;
      for (int i = 0; i < 128; ++i) squares += double{values[i]} * double{values[i]};
      return std::sqrt(squares);
    };
    const HeadId middle{model.layers / 2, 1};
    CHECK(norm(read->directions.query_of(middle)) > 5);
    CHECK(norm(read->directions.key_of(middle)) < 5);
  }
}

TEST_CASE("retrieval scores become a ranking, and scores where all heads have one") {
  const auto set = head_set_from_json(
      {{"0-0", {0.0, 0.5}}, {"1-1", {1.0, 0.8, 0.9}}, {"0-1", {0.25}}, {"1-0", {0.25, 0.25}}}, "r");
  REQUIRE_MESSAGE(set, (set ? "" : set.error().message));
  CHECK(set->ranking == std::vector<HeadId>{{1, 1}, {0, 0}, {0, 1}, {1, 0}});
  CHECK(set->layers == 2);
  CHECK(set->heads == 2);
  CHECK(set->samples == 3);
  REQUIRE(set->relevant.size() == 4);
  CHECK(set->relevant[3] == doctest::Approx(0.9));
  CHECK(set->extra.contains("definition"));
  // Not all heads: a ranking alone.
  const auto some = head_set_from_json({{"0-0", {0.1}}, {"3-2", {0.2}}}, "r");
  REQUIRE(some);
  CHECK(some->layers == 0);
  CHECK(some->relevant.empty());
  CHECK(some->ranking == std::vector<HeadId>{{3, 2}, {0, 0}});
  const auto refused = [](const Json& value, const char* word) {
    const auto read = head_set_from_json(value, "file.json");
    REQUIRE_FALSE(read);
    CHECK_MESSAGE(says(read.error().message, word), read.error().message);
    CHECK(says(read.error().message, "file.json"));
  };
  refused({{"0-0", {0.1}}, {"zero-1", {0.2}}}, "'zero-1'");
  refused({{"0-0", Json::array()}}, "'0-0'");
  refused({{"0-0", {0.1, "x"}}}, "'0-0'");
  refused({{"0-0", 0.1}}, "'0-0'");
  refused({{"0-0", {0.1}}, {"00-0", {0.1}}}, "repeats");
  refused({{"0-9999", {0.1}}}, "head set");
  refused({{"a", {0.1}}}, "head set");
}
