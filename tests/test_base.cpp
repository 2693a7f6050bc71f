// links: headscope_base
// JSON, files, hashes and random numbers.
#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>
#include <thread>

#include "core/base/base64.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/json.h"
#include "core/base/make_large.h"
#include "core/base/rng.h"
#include "core/base/shared_text.h"
#include "tests/messages.h"
#include "tests/temporary_folder.h"

using namespace headscope;
namespace fs = std::filesystem;
using test::contains;
using test::message_of;

TEST_CASE("JSON: malformed text is an error that names the file") {
  for (const char* text :
       {"", "{", "{\"a\":}", "[1,2", "nul", "{\"a\":1}x", "\"\xff\"", "[1e999]", "{'a':1}"}) {
    CAPTURE(text);
    const auto json = parse_json(text, "config.json");
    REQUIRE_FALSE(json.has_value());
    CHECK(json.error().kind == ErrorKind::bad_input);
    CHECK(json.error().message.starts_with("config.json: JSON "));
    CHECK_FALSE(contains(json.error().message, "json.exception"));
  }
}

TEST_CASE("JSON: nesting is bounded, wide documents are not") {
  const std::string deep(1'000'000, '[');
  CHECK(contains(message_of(parse_json(deep, "x.json")), "deeper than"));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  CHECK(contains(message_of(parse_json(objects, "x.json")), "x.json: JSON is nested deeper than"));
  const std::string allowed = std::string(max_json_depth, '[') + std::string(max_json_depth, ']');
  CHECK(parse_json(allowed, "x.json").has_value());
  CHECK_FALSE(parse_json("[" + allowed + "]", "x.json").has_value());
  CHECK(parse_json("\"" + std::string(100'000, '[') + "\"", "x.json").has_value());
}

TEST_CASE("JSON: documents are built as the library builds them") {
  const std::string text =
      R"({"a":[1,-2,3.5,true,null,"x\u00e9"],"b":{"c":{}},"a2":[[],[{}]],"n":18446744073709551615})";
  const auto json = parse_json(text, "x");
  REQUIRE(json.has_value());
  CHECK(*json == Json::parse(text));
  CHECK(parse_json("{\"a\":1,\"a\":2}", "x")->at("a") == 2);
}

TEST_CASE("JSON: getters name file and field") {
  const Json json = Json::parse(R"({"layers":"abc","heads":0,"big":18446744073709551615,"half":0.5,
    "whole":32.0,"rope":{"factor":"x"},"list":[1,"two"],"docs":[{"title":3},4],"none":null,"yes":true})");
  const auto root = JsonObject::open(json, "config.json");
  REQUIRE(root.has_value());
  CHECK(message_of(root->positive_integer("layers")) ==
        "config.json: field 'layers' expected a positive integer, found \"abc\"");
  CHECK(message_of(root->positive_integer("heads")) ==
        "config.json: field 'heads' expected a positive integer, found 0");
  CHECK(message_of(root->integer("missing")) ==
        "config.json: field 'missing' expected an integer, but it is missing");
  CHECK(contains(message_of(root->integer("big")), "expected an integer"));
  CHECK(contains(message_of(root->integer("half")), "found 0.5"));
  CHECK(root->integer("whole") == 32);
  CHECK(contains(message_of(root->integer("heads", 1, 9)), "from 1 to 9"));
  CHECK(root->number("half") == 0.5);
  CHECK(contains(message_of(root->boolean("layers")), "true or false"));
  CHECK(root->boolean("yes") == true);
  CHECK(contains(message_of(root->string("yes")), "a string, found true"));
  const auto rope = root->object("rope");
  REQUIRE(rope.has_value());
  CHECK(message_of(rope->number("factor")) ==
        "config.json: field 'rope.factor' expected a number, found \"x\"");
  CHECK(contains(message_of(root->object("list")), "an object, found a list of 2"));
  CHECK(contains(message_of(root->integers("list")), "element 1 is \"two\""));
  CHECK(contains(message_of(root->strings("list")), "element 0 is 1"));
  CHECK(contains(message_of(root->numbers("yes")), "a list of numbers"));
  const auto doc = root->element("docs", 0);
  REQUIRE(doc.has_value());
  CHECK(contains(message_of(doc->string("title")), "field 'docs[0].title' expected a string"));
  CHECK(contains(message_of(root->element("docs", 1)), "'docs[1]' expected an object, found 4"));
  CHECK(contains(message_of(root->element("docs", 2)), "missing"));
  CHECK(root->integer_or("none", 7) == 7);
  CHECK(root->string_or("missing", "x") == "x");
  CHECK_FALSE(root->integer_or("layers", 7).has_value());
  CHECK_FALSE(root->has("none"));
  CHECK(
      contains(message_of(JsonObject::open(Json(3), "x.json")), "x.json: expected a JSON object"));
}

TEST_CASE("files are written whole or not at all") {
  const test::TemporaryFolder folder;
  const fs::path path = folder / "result.json";
  REQUIRE(write_file_atomically(path, "one"));
  CHECK(read_text_file(path) == "one");
  REQUIRE(write_file_atomically(path, "two"));
  CHECK(read_text_file(path) == "two");
  {  // given up half way: the old content stays, nothing is left behind
    auto writer = AtomicFileWriter::create(path);
    REQUIRE(writer.has_value());
    REQUIRE(writer->write(std::string_view("half")));
    CHECK(read_text_file(path) == "two");
  }
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
  {
    auto writer = AtomicFileWriter::create(path);
    REQUIRE(writer.has_value());
    AtomicFileWriter moved = std::move(*writer);
    REQUIRE(moved.write(std::string_view("thr")));
    REQUIRE(moved.write(std::string_view("ee")));
    REQUIRE(moved.commit());
    CHECK_FALSE(moved.commit().has_value());
    CHECK_FALSE(moved.write(std::string_view("x")).has_value());
  }
  CHECK(read_text_file(path) == "three");
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
  CHECK(contains(message_of(write_file_atomically(folder / "no" / "file", "x")),
                 "file: cannot create"));
  CHECK(contains(message_of(write_file_atomically(folder.path(), "x")), "is a folder"));
  fs::create_symlink(path, folder / "link");
  REQUIRE(write_file_atomically(folder / "link", "four"));
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(read_text_file(path) == "four");
  CHECK(write_file_atomically("/dev/null", "x").has_value());
  CHECK(fs::is_character_file("/dev/null"));
}

TEST_CASE("what a killed writer left goes with the next writing of that file, and nothing else") {
  const test::TemporaryFolder folder;
  const fs::path path = folder / "result.json";
  const auto put = [&](const char* name) { std::ofstream(folder / name) << "half"; };
  put(".result.json.headscope-4711-0.tmp");
  put(".other.json.headscope-4711-0.tmp");
  put(".result.json.tmp");
  put("result.json.headscope-1-1.tmp");
  auto living = AtomicFileWriter::create(path);
  REQUIRE(living);
  REQUIRE(living->write(std::string_view("living")));
  REQUIRE(write_file_atomically(path, "whole"));
  CHECK_FALSE(fs::exists(folder / ".result.json.headscope-4711-0.tmp"));
  CHECK(fs::exists(folder / ".other.json.headscope-4711-0.tmp"));
  CHECK(fs::exists(folder / ".result.json.tmp"));
  CHECK(fs::exists(folder / "result.json.headscope-1-1.tmp"));
  CHECK(read_text_file(path) == "whole");
  REQUIRE(living->commit());  // it was not taken for a leftover
  CHECK(read_text_file(path) == "living");
}

TEST_CASE("reading is bounded and says what is wrong") {
  const test::TemporaryFolder folder;
  CHECK(contains(message_of(read_text_file(folder / "none")), "none: cannot open: No such file"));
  CHECK(contains(message_of(read_text_file(folder.path())), "is a folder"));
  REQUIRE(write_file_atomically(folder / "big", std::string(1000, 'x')));
  CHECK(contains(message_of(read_text_file(folder / "big", 999)), "larger than the 999 bytes"));
  CHECK(read_text_file(folder / "big", 1000)->size() == 1000);
  CHECK_FALSE(read_json_file(folder / "big").has_value());
}

TEST_CASE("gzip: round trip, several members, damage, bombs") {
  const test::TemporaryFolder folder;
  std::string text;
  Rng rng(3);
  for (int i = 0; i < 300'000; ++i) text += static_cast<char>('a' + rng.below(20));
  const auto packed = gzip(text);
  REQUIRE(packed.has_value());
  CHECK(packed->size() < text.size());
  CHECK(gzip(text) == *packed);
  const auto path = folder / "data.gz";
  REQUIRE(write_file_atomically(path, *packed));
  CHECK(read_gzip_or_plain(path) == text);
  REQUIRE(write_file_atomically(path, *packed + *gzip("tail")));
  CHECK(read_gzip_or_plain(path) == text + "tail");
  REQUIRE(write_file_atomically(path, *packed + std::string(64, '\0')));
  CHECK(read_gzip_or_plain(path) == text);
  REQUIRE(write_file_atomically(path, packed->substr(0, packed->size() / 2)));
  CHECK(contains(message_of(read_gzip_or_plain(path)), "damaged or cut short"));
  std::string damaged = *packed;
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
  REQUIRE(write_file_atomically(path, damaged));
  CHECK_FALSE(read_gzip_or_plain(path).has_value());
  REQUIRE(write_file_atomically(path, *gzip(std::string(50'000'000, 'x'))));
  CHECK(contains(message_of(read_gzip_or_plain(path, 1'000'000)), "larger than the 1000000 bytes"));
  REQUIRE(write_file_atomically(path, "plain"));
  CHECK(read_gzip_or_plain(path) == "plain");
  REQUIRE(write_file_atomically(path, *gzip("")));
  CHECK(read_gzip_or_plain(path) == "");
}

TEST_CASE("memory maps") {
  const test::TemporaryFolder folder;
  REQUIRE(write_file_atomically(folder / "a", "hello"));
  auto map = MappedFile::open(folder / "a");
  REQUIRE(map.has_value());
  const auto bytes = map->bytes();
  const MappedFile moved = std::move(*map);
  CHECK(moved.bytes().data() == bytes.data());
  CHECK(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()) == "hello");
  REQUIRE(write_file_atomically(folder / "empty", ""));
  CHECK(MappedFile::open(folder / "empty")->bytes().empty());
  CHECK(contains(message_of(MappedFile::open(folder.path())), "regular file"));
  CHECK(contains(message_of(MappedFile::open(folder / "none")), "cannot open"));
}

TEST_CASE("folders of the program") {
  const test::TemporaryFolder folder;
  CHECK(fs::exists(*executable_folder() / "test_base"));
  ::setenv("HEADSCOPE_ASSETS", folder.path().c_str(), 1);
  CHECK(*asset_folder() == folder.path());
  ::setenv("HEADSCOPE_ASSETS", (folder / "none").c_str(), 1);
  CHECK(contains(message_of(asset_folder()), "HEADSCOPE_ASSETS"));
  ::unsetenv("HEADSCOPE_ASSETS");
  CHECK(create_folders(folder / "a/b/c").has_value());
  CHECK(create_folders(folder / "a/b/c").has_value());
  REQUIRE(write_file_atomically(folder / "file", "x"));
  CHECK(contains(message_of(create_folders(folder / "file")), "cannot create the folder"));
}

TEST_CASE("SHA-256: the published examples of FIPS 180-4") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const test::TemporaryFolder folder;
  REQUIRE(write_file_atomically(folder / "a", std::string(1'000'000, 'a')));
  CHECK(sha256_file(folder / "a") ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  RunContext context;
  context.is_cancelled = [] { return true; };
  CHECK(sha256_file(folder / "a", context).error().kind == ErrorKind::cancelled);
  CHECK(contains(message_of(sha256_file(folder / "none")), "cannot open"));
  CHECK(stable_hash("abc") == 0xba7816bf8f01cfeaull);
}

TEST_CASE("random numbers: the generator of the PCG paper") {
  // State and output of pcg32-demo (seed 42, stream 54) of the reference C library.
  Rng rng(Rng::State{0x185706b82c2e03f8ull, 109});
  for (const std::uint32_t expected :
       {0xa15c02b7u, 0x7b47f409u, 0xba1d3330u, 0x83d2f293u, 0xbfa4784bu, 0xcbed606eu}) {
    CHECK(rng.next_u32() == expected);
  }
  CHECK(splitmix64(0) == 0xe220a8397b1dcdafull);  // first output of the reference for seed 0
}

TEST_CASE("random numbers: ranges, moments, reproducibility") {
  Rng rng(7);
  Rng again(7);
  Rng other(7, 1);
  int equal = 0;
  for (int i = 0; i < 100; ++i) {
    const auto value = rng.next_u64();
    CHECK(value == again.next_u64());
    equal += value == other.next_u64();
  }
  CHECK(equal == 0);
  const Rng::State saved = rng.state();
  const auto next = rng.next_u32();
  CHECK(Rng(saved).next_u32() == next);

  std::vector<int> counts(6);
  double sum = 0, squares = 0;
  constexpr int n = 60'000;
  for (int i = 0; i < n; ++i) {
    const auto value = rng.uniform_int(-2, 3);
    REQUIRE(value >= -2);
    REQUIRE(value <= 3);
    ++counts[static_cast<std::size_t>(value + 2)];
    const double z = rng.normal();
    sum += z;
    squares += z * z;
    const double u = rng.uniform();
    REQUIRE(u >= 0);
    REQUIRE(u < 1);
  }
  for (const int count : counts) CHECK(std::abs(count - n / 6) < 5 * std::sqrt(n / 6.0));
  CHECK(std::abs(sum / n) < 0.02);
  CHECK(std::abs(squares / n - 1) < 0.03);
  CHECK(rng.uniform_int(5, 5) == 5);
  CHECK(rng.below(0) == 0);
  CHECK(rng.uniform_int(INT64_MIN, INT64_MAX) != rng.uniform_int(INT64_MIN, INT64_MAX));

  std::vector<int> values(100);
  std::iota(values.begin(), values.end(), 0);
  rng.shuffle(values);
  CHECK(std::set<int>(values.begin(), values.end()).size() == 100);
  CHECK_FALSE(std::is_sorted(values.begin(), values.end()));
  const std::vector<double> weights = {0, 3, 0, 1, -5};
  int ones = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto drawn = rng.weighted(weights);
    REQUIRE((drawn == 1 || drawn == 3));
    ones += drawn == 1;
  }
  CHECK(std::abs(ones - 7500) < 250);
}

TEST_CASE("base64: RFC 4648's examples, and only what an encoder writes") {
  const std::pair<std::string, std::string> known[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"},
                                                       {std::string("\0\xff", 2), "AP8="}};
  for (const auto& [bytes, text] : known) {
    CHECK(base64_encode(bytes) == text);
    CHECK(base64_decode(text) == bytes);
  }
  for (const char* text : {"Z", "Zg", "Zg=", "Zg==\n",
                           " Zg==", "Zh==", "Z===", "====", "Zg==Zg==", "Zm9v\n", "Zm-v", "Zm=v"}) {
    CAPTURE(text);
    CHECK_FALSE(base64_decode(text).has_value());
  }
}

namespace {
struct Traced {
  explicit Traced(int wanted) : number(wanted) {}
  ~Traced() {
    by = std::this_thread::get_id();
    ++gone;
  }
  int number;
  static inline std::atomic<int> gone = 0;
  static inline std::thread::id by;
};
}  // namespace

TEST_CASE("what is large is freed once, by another thread, after the last owner") {
  auto first = make_large<Traced>(7);
  std::shared_ptr<const Traced> second = first;
  CHECK(first->number == 7);
  first.reset();
  CHECK(Traced::gone == 0);
  second.reset();
  for (int i = 0; i < 1000; ++i) make_large<const std::vector<float>>(10, 1.0f);
  while (Traced::gone == 0) std::this_thread::yield();
  CHECK(Traced::gone == 1);
  CHECK(Traced::by != std::this_thread::get_id());
}

TEST_CASE("a shared text reads like a string, and its copies are the same bytes") {
  SharedText text = "one";
  const SharedText copy = text;
  CHECK(copy.is(text));
  CHECK(copy.data() == text.data());
  text += " two";
  CHECK(text == "one two");
  CHECK(copy == std::string("one"));
  CHECK_FALSE(copy.is(text));
  CHECK_FALSE(copy == text);
  text = std::string("one");
  CHECK(copy == text);  // equal, although its bytes are others
  CHECK_FALSE(copy.is(text));
  text.clear();
  CHECK(text.empty());
  CHECK(text == SharedText());
  CHECK(text.str().empty());
  CHECK(copy.find("e") == 2);
  CHECK(copy.substr(1) == "ne");
}
