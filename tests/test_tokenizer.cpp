// links: headscope_text
// timeout: 600
// Every part of tokenizer.json against the reference library (goldens/make_tokenizer_goldens.py),
// and what is refused. HEADSCOPE_TOKENIZER_GOLDENS names another file of the same make, for long
// runs.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "core/base/base64.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/rng.h"
#include "core/text/tokenizer.h"
#include "core/text/unicode.h"
#include "tests/messages.h"
#include "tests/resources.h"
#include "tests/token_offsets.h"

using namespace headscope;
using test::contains;
using test::message_of;
using test::offsets_text;

namespace {

std::filesystem::path golden_file() {
  if (const char* other = std::getenv("HEADSCOPE_TOKENIZER_GOLDENS")) return other;
  return test::source_folder() / "tests" / "goldens" / "tokenizers.json.gz";
}

void check_case(const Tokenizer& tokenizer, const Json& golden) {
  const auto text = golden["text"].get<std::string>();
  CAPTURE(golden.dump());
  const auto encoding = tokenizer.encode(text, golden["special"].get<bool>());
  REQUIRE_MESSAGE(encoding.has_value(), message_of(encoding));
  const auto ids = golden["ids"].get<std::vector<std::int32_t>>();
  CHECK(encoding->ids == ids);
  CHECK(encoding->special.size() == ids.size());
  CHECK(encoding->unknown.size() == ids.size());
  CHECK(tokenizer.decode(ids, !golden["special"].get<bool>()) ==
        golden["decoded"].get<std::string>());
  if (golden["offsets"].is_null()) return;  // the reference's are known to be wrong
  CHECK(offsets_text(encoding->offsets) ==
        offsets_text(test::byte_offsets(text, golden["offsets"])));
}

/// Pieces shown one after another make the whole, and none ends inside a character.
void check_stream(const Tokenizer& tokenizer, const std::vector<std::int32_t>& ids, bool skip) {
  StreamDecoder stream(tokenizer, skip);
  std::string shown;
  for (const std::int32_t id : ids) {
    shown += stream.push(id);
    CHECK(unicode::valid_prefix(shown) == shown.size());
    CHECK(shown == stream.text());
  }
  shown += stream.finish();
  CHECK(shown == tokenizer.decode(ids, skip));
}

constexpr const char* tiny =
    R"({"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":null,
  "post_processor":null,"decoder":null,
  "model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}})";

/// The tiny file with one field replaced.
Json tiny_with(const std::string& pointer, const std::string& value) {
  Json json = Json::parse(tiny);
  json[Json::json_pointer(pointer)] = Json::parse(value);
  return json;
}

std::string refusal(const std::string& pointer, const std::string& value) {
  return message_of(Tokenizer::from_json(tiny_with(pointer, value).dump(), "tokenizer.json"));
}

}  // namespace

TEST_CASE("every supported part equals the reference") {
  const auto text = read_gzip_or_plain(golden_file());
  REQUIRE_MESSAGE(text.has_value(), message_of(text));
  const auto goldens = parse_json(*text, "goldens");
  REQUIRE(goldens.has_value());
  CHECK(goldens->size() > 120);
  for (const Json& golden : *goldens) {
    const auto name = golden["name"].get<std::string>();
    CAPTURE(name);
    const auto tokenizer = Tokenizer::from_json(golden["tokenizer"].dump(), name);
    REQUIRE_MESSAGE(tokenizer.has_value(), message_of(tokenizer));
    for (const Json& one : golden["cases"]) check_case(*tokenizer, one);
    for (const Json& one : golden["decodings"]) {
      CAPTURE(one.dump());
      const auto ids = one["ids"].get<std::vector<std::int32_t>>();
      CHECK(tokenizer->decode(ids, one["skip"].get<bool>()) == one["text"].get<std::string>());
      check_stream(*tokenizer, ids, one["skip"].get<bool>());
    }
  }
}

TEST_CASE("what is not understood is refused by name") {
  CHECK(Tokenizer::from_json(tiny, "tokenizer.json").has_value());
  const auto part = R"({"type":"Martian"})";
  CHECK(refusal("/normalizer", part) ==
        "tokenizer.json: normalizer type 'Martian' is not supported");
  CHECK(refusal("/pre_tokenizer", part) ==
        "tokenizer.json: pre_tokenizer type 'Martian' is not supported");
  CHECK(refusal("/post_processor", part) ==
        "tokenizer.json: post_processor type 'Martian' is not supported");
  CHECK(refusal("/decoder", part) == "tokenizer.json: decoder type 'Martian' is not supported");
  CHECK(refusal("/model/type", "\"Martian\"") ==
        "tokenizer.json: model type 'Martian' is not supported");
  CHECK(contains(refusal("/decoder", R"({"type":"Sequence","decoders":[{"type":"CTC"}]})"),
                 "decoder type 'CTC'"));
  CHECK(contains(refusal("/pre_tokenizer", "{}"), "'pre_tokenizer.type' expected a string"));
  CHECK(contains(refusal("/pre_tokenizer", "3"), "'pre_tokenizer' expected an object"));
  CHECK(contains(
      refusal("/pre_tokenizer",
              R"({"type":"Split","pattern":{"Regex":"(a"},"behavior":"Isolated","invert":false})"),
      "the regular expression \"(a\" is not valid"));
  CHECK(contains(
      refusal("/pre_tokenizer",
              R"({"type":"Split","pattern":{"Glob":"a"},"behavior":"Isolated","invert":false})"),
      "'pre_tokenizer.pattern' expected an object with String or Regex"));
  CHECK(contains(
      refusal("/pre_tokenizer",
              R"({"type":"Split","pattern":{"String":"a"},"behavior":"Odd","invert":false})"),
      "'pre_tokenizer.behavior' expected Removed"));
  CHECK(contains(refusal("/pre_tokenizer", R"({"type":"Metaspace","replacement":"ab"})"),
                 "one character"));
  CHECK(contains(
      refusal("/pre_tokenizer", R"({"type":"Metaspace","replacement":"_","prepend_scheme":"x"})"),
      "always, first or never"));
  CHECK(contains(refusal("/model/dropout", "0.1"), "dropout is not supported"));
  Json affixed = tiny_with("/model/end_of_word_suffix", "\"</w>\"");
  affixed["model"]["byte_fallback"] = true;
  CHECK(contains(message_of(Tokenizer::from_json(affixed.dump(), "t")),
                 "'model.byte_fallback' expected false beside continuing_subword_prefix"));
  CHECK(contains(refusal("/model/continuing_subword_prefix", "\"##\""),
                 "'a' + 'b' is not in the vocabulary"));  // shorter than the prefix
  CHECK(contains(refusal("/decoder", R"({"type":"BPEDecoder","suffix":""})"), "'decoder.suffix'"));
  CHECK(contains(
      refusal("/pre_tokenizer", R"({"type":"Metaspace","replacement":"_","add_prefix_space":false,
                                   "prepend_scheme":"always"})"),
      "'pre_tokenizer.prepend_scheme' expected never"));
  CHECK(contains(refusal("/post_processor", R"({"type":"BertProcessing","cls":["a",0]})"),
                 "'post_processor.sep' expected a list"));
  CHECK(contains(refusal("/post_processor", R"({"type":"BertProcessing","cls":["a",-1]})"),
                 "'post_processor.cls' expected a text and a token id"));
  CHECK(contains(refusal("/model/merges", "[\"a c\"]"), "'a' + 'c' is not in the vocabulary"));
  CHECK(contains(refusal("/model/merges", "[\"a\"]"), "expected two texts"));
  CHECK(contains(refusal("/model/merges", "[[\"a\"]]"), "expected two texts"));
  CHECK(contains(refusal("/model/merges", "3"), "'model.merges' expected a list"));
  CHECK(contains(refusal("/model/vocab", R"({"a":0,"b":0})"),
                 "'model.vocab.b' expected an id of its own"));
  CHECK(contains(refusal("/model/vocab", R"({"a":-1})"), "an id of its own"));
  CHECK(contains(refusal("/model/vocab", R"({"a":4000000000})"), "an id of its own"));
  CHECK(contains(refusal("/model/vocab", R"({"a":"x"})"), "an id of its own"));
  CHECK(contains(refusal("/model", "null"), "'model' expected an object"));
  CHECK(contains(
      refusal(
          "/added_tokens",
          R"([{"id":1,"content":"a","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}])"),
      "'added_tokens[0].id' expected the id of 'a' in the vocabulary"));
  CHECK(contains(refusal("/added_tokens", R"([{"id":9,"content":"a"}])"),
                 "'added_tokens[0].single_word'"));
  CHECK(contains(
      refusal(
          "/post_processor",
          R"({"type":"TemplateProcessing","single":[{"Sequence":{"id":"B","type_id":0}}],"special_tokens":{}})"),
      "\"A\" in the template"));
  CHECK(contains(refusal("/post_processor",
                         R"({"type":"TemplateProcessing","single":[],"special_tokens":{}})"),
                 "exactly once"));
  CHECK(contains(
      refusal(
          "/post_processor",
          R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}}],"special_tokens":{}})"),
      "'post_processor.special_tokens.x'"));
  CHECK(contains(message_of(Tokenizer::from_json("{", "tokenizer.json")), "tokenizer.json: JSON"));
  CHECK(
      contains(message_of(Tokenizer::from_json("[]", "tokenizer.json")), "expected a JSON object"));
  CHECK(contains(message_of(Tokenizer::load("/none")), "/none: cannot open"));
}

TEST_CASE("a Unigram model that cannot be used is refused") {
  const auto model = [](const std::string& fields) {
    return refusal("/model", R"({"type":"Unigram",)" + fields + "}");
  };
  CHECK(model(R"("unk_id":0,"vocab":[["a",-1],["b",-2.5]])").empty());
  CHECK(contains(model(R"("unk_id":2,"vocab":[["a",-1],["b",-2]])"), "'model.unk_id' expected"));
  CHECK(contains(model(R"("unk_id":0,"vocab":[])"), "'model.unk_id' expected"));
  CHECK(contains(model(R"("unk_id":0,"vocab":{"a":0})"), "'model.vocab' expected a list"));
  CHECK(contains(model(R"("unk_id":0,"vocab":[["a",-1],["b"]])"),
                 "'model.vocab', element 1 expected a text and its score, found [\"b\"]"));
  CHECK(contains(model(R"("unk_id":0,"vocab":[["a","b"]])"), "element 0 expected a text and its"));
  const std::string longest(512, 'a');
  CHECK(model(R"("unk_id":0,"vocab":[["a",-1],[")" + longest + R"(",-2]])").empty());
  CHECK(contains(model(R"("unk_id":0,"vocab":[["a",-1],[")" + longest + R"(a",-2]])"),
                 "'model.vocab' expected tokens of at most 512 bytes"));
  Json json = Json::parse(tiny);
  json["model"] = Json::parse(R"({"vocab":[["a",-1]]})");  // files of old versions name no type
  const auto tokenizer = Tokenizer::from_json(json.dump(), "t");
  REQUIRE_MESSAGE(tokenizer.has_value(), message_of(tokenizer));
  CHECK(tokenizer->encode("aa")->ids == std::vector<std::int32_t>{0, 0});
  CHECK_FALSE(tokenizer->unknown_id().has_value());
  CHECK(contains(message_of(tokenizer->encode("ab")), "the tokenizer has no unk_id"));
}

TEST_CASE("WordPiece takes the longest piece at each place") {
  const auto with_vocab = [](const Json& vocab) {
    Json json = Json::parse(tiny);
    json["model"] = {{"type", "WordPiece"},
                     {"unk_token", "?"},
                     {"continuing_subword_prefix", "##"},
                     {"max_input_chars_per_word", 9},
                     {"vocab", vocab}};
    return Tokenizer::from_json(json.dump(), "t");
  };
  Json vocab = {{"?", 0}, {"a", 1}, {"ab", 2}, {"##b", 3}, {"##bc", 4}, {"##", 5}, {"abcde", 6}};
  const auto tokenizer = with_vocab(vocab);
  REQUIRE_MESSAGE(tokenizer.has_value(), message_of(tokenizer));
  const auto ids = [&](const char* word) { return tokenizer->encode(word)->ids; };
  using Ids = std::vector<std::int32_t>;
  CHECK(ids("ab") == Ids{2});
  CHECK(ids("abbcb") == Ids{2, 4, 3});
  CHECK(ids("abcd") == Ids{0});  // "ab" leaves "cd", for which there is nothing
  CHECK(ids("b") == Ids{0});     // only inside of a word; the prefix alone is no piece
  CHECK(ids("abbbbbbbb") == Ids{2, 3, 3, 3, 3, 3, 3, 3});
  CHECK(ids("abbbbbbbbb") == Ids{0});  // ten characters
  vocab[std::string(513, 'a')] = 7;
  CHECK(contains(message_of(with_vocab(vocab)), "'model.vocab' expected tokens of at most 512"));
}

TEST_CASE("a damaged table of replacements is refused and never read outside its bounds") {
  const auto with_map = [](const std::string& bytes) {
    return tiny_with(
        "/normalizer",
        Json{{"type", "Precompiled"}, {"precompiled_charsmap", base64_encode(bytes)}}.dump());
  };
  const auto message = [&](const std::string& bytes) {
    return message_of(Tokenizer::from_json(with_map(bytes).dump(), "t"));
  };
  CHECK(contains(refusal("/normalizer", R"({"type":"Precompiled","precompiled_charsmap":"a"})"),
                 "'normalizer.precompiled_charsmap' expected base64"));
  CHECK(contains(message(""), "has 0 bytes, which do not hold the table they announce"));
  CHECK(contains(message({"\x08\0\0\0abcd", 8}), "has 8 bytes, which do not hold the table"));
  CHECK(contains(message({"\xff\xff\xff\xff"
                          "abcd",
                          8}),
                 "do not hold the table"));
  CHECK(contains(message({"\4\0\0\0abcd\xff", 9}), "are not valid UTF-8"));
  // Real tables with bytes changed at random: any answer, no crash.
  const auto text = read_gzip_or_plain(golden_file());
  REQUIRE(text.has_value());
  const auto goldens = parse_json(*text, "goldens");
  const auto golden = std::find_if(goldens->begin(), goldens->end(),
                                   [](const Json& one) { return one["name"] == "t5"; });
  REQUIRE(golden != goldens->end());
  const auto encoded = (*golden)["tokenizer"]["normalizer"]["precompiled_charsmap"];
  const auto bytes = base64_decode(encoded.get<std::string>());
  REQUIRE(bytes.has_value());
  Rng rng(1);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = *bytes;
    for (int i = 0; i < 20; ++i) {
      damaged[4 + rng.below(damaged.size() - 4)] = static_cast<char>(rng.below(256));
    }
    if (round % 2 == 0) std::fill(damaged.end() - 600, damaged.end(), 'x');
    const auto tokenizer = Tokenizer::from_json(with_map(damaged).dump(), "t");
    if (!tokenizer) continue;
    for (const Json& one : (*golden)["cases"]) {
      const auto encoding = tokenizer->encode(one["text"].get<std::string>());
      refused += contains(message_of(encoding), "points outside its replacements");
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("what is left out at the beginning belongs to the first character") {
  // The reference forgets it there and shifts the offsets of all that follows.
  const auto text = read_gzip_or_plain(golden_file());
  REQUIRE(text.has_value());
  const auto goldens = parse_json(*text, "goldens");
  const auto golden = std::find_if(goldens->begin(), goldens->end(),
                                   [](const Json& one) { return one["name"] == "stripped"; });
  REQUIRE(golden != goldens->end());
  const auto tokenizer = Tokenizer::from_json((*golden)["tokenizer"].dump(), "t");
  REQUIRE(tokenizer.has_value());
  CHECK(offsets_text(tokenizer->encode("\u0007\u0007q\u0007z9")->offsets) == "[0,3][4,5][5,6]");
}

TEST_CASE("damaged files never crash") {
  const auto text = read_gzip_or_plain(golden_file());
  REQUIRE(text.has_value());
  const auto goldens = parse_json(*text, "goldens");
  REQUIRE(goldens.has_value());
  // Every value of a file in turn becomes something else.
  const std::vector<Json> wrong = {nullptr, -1, 3.5, "x", Json::array(), Json::object(), true};
  for (const char* wanted :
       {"demo", "llama 3", "gemma", "xlm-r", "bpe prefix and suffix True", "bert uncased"}) {
    for (const Json& golden : *goldens) {
      if (golden["name"] != wanted) continue;
      Json file = golden["tokenizer"];
      if (file["model"]["type"] == "Unigram") {
        file["model"]["vocab"] = Json::parse(R"([["<unk>",0],["a",-1.5]])");
      } else {
        file["model"]["vocab"] = {{"a", 0}, {"<unk>", 1}};
        file["model"]["merges"] = Json::array({Json::array({"a", "a"})});
      }
      const Json values = file.flatten();
      for (const auto& [pointer, value] : values.items()) {
        for (const Json& other : wrong) {
          Json damaged = file;
          damaged[Json::json_pointer(pointer)] = other;
          if (const auto tokenizer = Tokenizer::from_json(damaged.dump(), "t")) {
            (void)tokenizer->encode("a <s> b\n1 <|sp|>");
            (void)tokenizer->decode(std::vector<std::int32_t>{0, 1, 2, -1, 400, 1 << 30});
          }
        }
      }
    }
  }
}

TEST_CASE("text that cannot be encoded") {
  const auto tokenizer = Tokenizer::from_json(tiny, "t");
  REQUIRE(tokenizer.has_value());
  CHECK(contains(message_of(tokenizer->encode("ab\xff")), "not valid UTF-8 at byte 2"));
  CHECK(contains(message_of(tokenizer->encode("\xe2\x82")), "not valid UTF-8 at byte 0"));
  CHECK(contains(message_of(tokenizer->encode("\xed\xa0\x80")), "not valid UTF-8"));  // a surrogate
  const auto missing = Tokenizer::from_json(tiny_with("/model/unk_token", "\"<unk>\"").dump(), "t");
  REQUIRE(missing.has_value());
  CHECK(missing->encode("ab").has_value());
  CHECK(contains(message_of(missing->encode("abc")), "unk_token '<unk>' is not in its vocabulary"));
  // Without an unknown token, what is not in the vocabulary disappears; the spans stay true.
  CHECK(offsets_text(tokenizer->encode("xab yb")->offsets) == "[1,3][5,6]");
}

TEST_CASE("an expression that explodes is stopped") {
  const auto json = tiny_with(
      "/pre_tokenizer",
      R"({"type":"Split","pattern":{"Regex":"(a+)+$"},"behavior":"Isolated","invert":false})");
  const auto tokenizer = Tokenizer::from_json(json.dump(), "t");
  REQUIRE(tokenizer.has_value());
  const auto begin = std::chrono::steady_clock::now();
  const auto encoding = tokenizer->encode(std::string(5000, 'a') + "b");
  CHECK(contains(message_of(encoding), "gives up on this text"));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
}

TEST_CASE("a file that makes texts grow without end is refused, or the text is") {
  const std::string ten_times =
      R"({"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaaaa"})";
  std::string nine = ten_times;
  for (int i = 1; i < 9; ++i) nine += "," + ten_times;
  const auto normalizer = Tokenizer::from_json(
      tiny_with("/normalizer", R"({"type":"Sequence","normalizers":[)" + nine + "]}").dump(), "t");
  REQUIRE_MESSAGE(normalizer.has_value(), message_of(normalizer));
  CHECK(contains(message_of(normalizer->encode("a")), "makes a text of 1 bytes longer than"));
  CHECK(normalizer->encode("b").has_value());
  CHECK(contains(refusal("/decoder", R"({"type":"Sequence","decoders":[)" + nine + "]}"),
                 "decoded texts would grow without end"));
  std::string many = R"({"type":"Lowercase"})";
  for (int i = 1; i < 65; ++i) many += R"(,{"type":"Lowercase"})";
  CHECK(contains(refusal("/normalizer", R"({"type":"Sequence","normalizers":[)" + many + "]}"),
                 "field 'normalizer' has more than 64 steps"));
}

TEST_CASE("added tokens that are white space, or long, take no quadratic time") {
  const std::string flags =
      R"("single_word":false,"lstrip":true,"rstrip":true,"normalized":false,"special":false)";
  const std::string space = R"([{"id":3,"content":" ",)" + flags + "}]";
  const auto tokenizer = Tokenizer::from_json(tiny_with("/added_tokens", space).dump(), "t");
  REQUIRE_MESSAGE(tokenizer.has_value(), message_of(tokenizer));
  const auto encoding = tokenizer->encode("a" + std::string(1'000'000, ' ') + "b");
  REQUIRE_MESSAGE(encoding.has_value(), message_of(encoding));
  CHECK(encoding->ids.front() == 0);
  CHECK(encoding->ids.back() == 1);
  CHECK(contains(refusal("/added_tokens", R"([{"id":3,"content":")" + std::string(513, 'a') +
                                              R"(",)" + flags + "}]"),
                 "a token of at most 512 bytes"));
}

TEST_CASE("an expression that is slow at every place is stopped") {
  // Just below the steps that a single match may take, a thousand times.
  const auto tokenizer = Tokenizer::from_json(
      tiny_with("/pre_tokenizer",
                R"j({"type":"Split","pattern":{"Regex":"(?:(?:a|a)*b|a)"},"behavior":"Isolated",
                     "invert":false})j")
          .dump(),
      "t");
  REQUIRE_MESSAGE(tokenizer.has_value(), message_of(tokenizer));
  std::string text;
  for (int i = 0; i < 1000; ++i) text += std::string(21, 'a') + "c";
  CHECK(contains(message_of(tokenizer->encode(text)), "gives up on this text"));
}

TEST_CASE("a long word takes no quadratic time") {
  const auto tokenizer = Tokenizer::from_json(tiny, "t");
  REQUIRE(tokenizer.has_value());
  std::string word;
  for (int i = 0; i < 300'000; ++i) word += "ab";
  const auto begin = std::chrono::steady_clock::now();
  const auto encoding = tokenizer->encode(word);
  REQUIRE(encoding.has_value());
  CHECK(encoding->size() == 300'000);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));  // quadratic: minutes
}

TEST_CASE("facts about single tokens") {
  const auto text = read_gzip_or_plain(golden_file());
  REQUIRE(text.has_value());
  const auto goldens = parse_json(*text, "goldens");
  for (const Json& golden : *goldens) {
    if (golden["name"] == "demo") {
      const auto tokenizer = Tokenizer::from_json(golden["tokenizer"].dump(), "demo");
      REQUIRE(tokenizer.has_value());
      CHECK(tokenizer->vocab_size() == 21);
      CHECK(tokenizer->prefix_length() == 1);
      CHECK(tokenizer->unknown_id() == 0);
      CHECK(tokenizer->special_ids() == std::vector<std::int32_t>{0, 1});
      CHECK(tokenizer->is_special(1));
      CHECK_FALSE(tokenizer->is_special(2));
      CHECK(tokenizer->token_to_id("world") == 4);
      CHECK_FALSE(tokenizer->token_to_id("nope").has_value());
      CHECK(tokenizer->id_to_token(6) == " world");
      CHECK_FALSE(tokenizer->id_to_token(21).has_value());
      CHECK_FALSE(tokenizer->id_to_token(-1).has_value());
      CHECK(tokenizer->token_label(16) == "\u21b5");
      CHECK(tokenizer->token_text(99).empty());
      CHECK(tokenizer->sha256().size() == 64);
      const auto encoding = tokenizer->encode("Hello world zebra\n");
      REQUIRE(encoding.has_value());
      CHECK(encoding->ids == std::vector<std::int32_t>{1, 5, 6, 0, 16});
      CHECK(encoding->special == std::vector<std::uint8_t>{1, 0, 0, 0, 0});
      CHECK(encoding->unknown == std::vector<std::uint8_t>{0, 0, 0, 1, 0});
    }
    if (golden["name"] == "gpt2") {
      const auto tokenizer = Tokenizer::from_json(golden["tokenizer"].dump(), "gpt2");
      REQUIRE(tokenizer.has_value());
      const auto euro = tokenizer->encode("\u20ac");
      REQUIRE(euro.has_value());
      REQUIRE(euro->size() == 3);
      CHECK(tokenizer->token_text(euro->ids[0]) == "\xe2");
      CHECK(tokenizer->token_label(euro->ids[0]) == "<0xE2>");
      for (const ByteSpan& span : euro->offsets) CHECK(span == ByteSpan{0, 3});
      StreamDecoder stream(*tokenizer);
      CHECK(stream.push(euro->ids[0]).empty());
      CHECK(stream.push(euro->ids[1]).empty());
      CHECK(stream.push(euro->ids[2]) == "\u20ac");
      CHECK(stream.push(euro->ids[0]).empty());
      CHECK(stream.finish() == "\ufffd");
    }
  }
}

TEST_CASE("a run of byte tokens is shown when it has ended, and not before") {
  Json json = tiny_with("/decoder", R"({"type":"ByteFallback"})");
  json["model"]["byte_fallback"] = true;
  json["model"]["vocab"] = {{"<0x41>", 0}, {"<0xFF>", 1}, {"b", 2}, {"<s>", 3}};
  json["model"]["merges"] = Json::array();
  json["added_tokens"] = Json::parse(
      R"([{"id":3,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}])");
  const auto tokenizer = Tokenizer::from_json(json.dump(), "t");
  REQUIRE_MESSAGE(tokenizer.has_value(), message_of(tokenizer));
  StreamDecoder valid(*tokenizer);
  CHECK(valid.push(0).empty());  // "A", but a broken byte may follow
  CHECK(valid.push(2) == "Ab");
  StreamDecoder broken(*tokenizer);
  CHECK(broken.push(0).empty());
  CHECK(broken.push(99).empty());  // outside the vocabulary and special: neither ends the run
  CHECK(broken.push(3).empty());
  CHECK(broken.push(1).empty());
  CHECK(broken.push(2) == "\ufffd\ufffdb");
  CHECK(broken.finish().empty());
  CHECK(broken.text() == tokenizer->decode(std::vector<std::int32_t>{0, 99, 3, 1, 2}));
}

TEST_CASE("a stream keeps no more than it needs and equals the whole") {
  // Strip and Metaspace look at the very beginning, and some decoders at everything.
  const auto text = read_gzip_or_plain(golden_file());
  REQUIRE(text.has_value());
  const auto goldens = parse_json(*text, "goldens");
  Rng rng(3);
  for (const Json& golden : *goldens) {
    const auto name = golden["name"].get<std::string>();
    CAPTURE(name);
    const auto tokenizer = Tokenizer::from_json(golden["tokenizer"].dump(), name);
    REQUIRE(tokenizer.has_value());
    for (int round = 0; round < 3; ++round) {
      std::vector<std::int32_t> ids(300);
      for (std::int32_t& id : ids) {
        id = static_cast<std::int32_t>(
            rng.below(static_cast<std::uint32_t>(tokenizer->vocab_size() + 1)));
      }
      check_stream(*tokenizer, ids, round == 0);
    }
  }
}

TEST_CASE("a decoder that may change earlier text shows nothing before the end") {
  Json json = Json::parse(tiny);
  const auto streamed_early = [&](const char* decoder) {
    json["decoder"] = Json::parse(decoder);
    const auto tokenizer = Tokenizer::from_json(json.dump(), "t");
    REQUIRE_MESSAGE(tokenizer.has_value(), message_of(tokenizer));
    StreamDecoder stream(*tokenizer);
    const bool early = !stream.push(0).empty();
    stream.push(1);
    stream.finish();
    CHECK(stream.text() == tokenizer->decode(std::vector<std::int32_t>{0, 1}));
    return early;
  };
  CHECK(streamed_early(R"({"type":"Fuse"})"));
  CHECK(streamed_early(R"({"type":"Sequence","decoders":[{"type":"Replace","pattern":{"Regex":"a"},
                           "content":"x"},{"type":"Fuse"}]})"));
  CHECK_FALSE(streamed_early(R"({"type":"Sequence","decoders":[{"type":"Fuse"},
                                 {"type":"Replace","pattern":{"String":"ab"},"content":"x"}]})"));
  CHECK_FALSE(streamed_early(R"({"type":"Sequence","decoders":[{"type":"Fuse"},
                                 {"type":"Strip","content":"a","start":0,"stop":1}]})"));
  CHECK_FALSE(streamed_early(R"({"type":"BPEDecoder","suffix":"a"})"));
}

TEST_CASE("several threads share one tokenizer") {
  const auto text = read_gzip_or_plain(golden_file());
  REQUIRE(text.has_value());
  const auto goldens = parse_json(*text, "goldens");
  for (const Json& golden : *goldens) {
    if (golden["name"] != "llama 3") continue;
    const auto tokenizer = Tokenizer::from_json(golden["tokenizer"].dump(), "t");
    REQUIRE(tokenizer.has_value());
    std::vector<std::thread> threads;
    std::vector<int> wrong(4);
    for (std::size_t i = 0; i < 4; ++i) {
      threads.emplace_back([&, i, copy = *tokenizer] {
        for (const Json& one : golden["cases"]) {
          const auto encoding =
              copy.encode(one["text"].get<std::string>(), one["special"].get<bool>());
          wrong[i] += !encoding || encoding->ids != one["ids"].get<std::vector<std::int32_t>>();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == std::vector<int>(4));
  }
}
