// links: headscope_text
// The prompt of documents, its way back, spans, and data sets.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/rng.h"
#include "core/text/dataset.h"
#include "core/text/prompt.h"
#include "core/text/spans.h"
#include "tests/messages.h"
#include "tests/resources.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using test::contains;
using test::message_of;

namespace {

std::string cut(const std::string& text, ByteSpan span) {
  return text.substr(span.begin, span.end - span.begin);
}

QaSample small_sample() {
  QaSample sample;
  sample.question = "who got it";
  sample.answers = {"R\u00f6ntgen"};
  sample.documents = {{"A", "First.", false, false},
                      {"Physics (prize)", "R\u00f6ntgen got it.", true, true},
                      {"C", "Third.", false, false}};
  return sample;
}

/// Building and finding agree on everything but what is gold.
void check_round_trip(const QaSample& sample, PromptKind kind) {
  const BuiltPrompt built = build_prompt(sample, kind);
  const BuiltPrompt found = find_documents(built.text);
  CHECK(found.text == built.text);
  CHECK(found.question == built.question);
  REQUIRE(found.documents.size() == built.documents.size());
  for (std::size_t i = 0; i < built.documents.size(); ++i) {
    CAPTURE(i);
    CHECK(found.documents[i].number == built.documents[i].number);
    CHECK(found.documents[i].line == built.documents[i].line);
    CHECK(found.documents[i].relevant == built.documents[i].relevant);
    CHECK_FALSE(found.documents[i].gold);
  }
}

}  // namespace

TEST_CASE("the exact prompt of method.md 6") {
  const BuiltPrompt prompt = build_prompt(small_sample());
  CHECK(prompt.text ==
        "Write a high-quality answer for the given question using only the provided search results "
        "(some of which might be irrelevant).\n\n"
        "Document [1](Title: A) First.\n"
        "Document [2](Title: Physics (prize)) R\u00f6ntgen got it.\n"
        "Document [3](Title: C) Third.\n\n"
        "Question: who got it\nAnswer:");
  REQUIRE(prompt.documents.size() == 3);
  CHECK(cut(prompt.text, prompt.documents[1].line) ==
        "Document [2](Title: Physics (prize)) R\u00f6ntgen got it.");
  CHECK(cut(prompt.text, prompt.documents[1].relevant) ==
        "(Title: Physics (prize)) R\u00f6ntgen got it.");
  CHECK(cut(prompt.text, prompt.question) == "who got it");
  CHECK(prompt.gold_spans() == std::vector<ByteSpan>{prompt.documents[1].relevant});
  CHECK(prompt.other_spans() ==
        std::vector<ByteSpan>{prompt.documents[0].relevant, prompt.documents[2].relevant});
}

TEST_CASE("gold-only and no-gold prompts keep the original numbers") {
  const BuiltPrompt gold = build_prompt(small_sample(), PromptKind::gold_only);
  CHECK(contains(gold.text,
                 ").\n\nDocument [2](Title: Physics (prize)) R\u00f6ntgen got it.\n\nQuestion: "));
  REQUIRE(gold.documents.size() == 1);
  CHECK(gold.documents[0].gold);
  const BuiltPrompt rest = build_prompt(small_sample(), PromptKind::no_gold);
  CHECK(contains(rest.text, "Document [1](Title: A) First.\nDocument [3](Title: C) Third.\n\n"));
  CHECK_FALSE(contains(rest.text, "R\u00f6ntgen"));
  QaSample only_gold = small_sample();
  only_gold.documents = {only_gold.documents[1]};
  CHECK(build_prompt(only_gold, PromptKind::no_gold).documents.empty());
}

TEST_CASE("documents are found again") {
  for (const PromptKind kind : {PromptKind::all, PromptKind::gold_only, PromptKind::no_gold}) {
    check_round_trip(small_sample(), kind);
  }
  CHECK(find_documents(build_prompt(small_sample()).text).documents[1].title == "Physics (prize)");
}

TEST_CASE("documents of a prompt edited by hand") {
  const std::string text =
      "My own words.\nDocument [7](Title: X) one\nsecond line\n\nthird\n\n\n"
      "Document [x](Title: no) not a document\nDocument [12](Title: ) \nQuestion: early?\n\n"
      "Question:  what \n about it \nAnswer: The";
  const BuiltPrompt found = find_documents(text);
  REQUIRE(found.documents.size() == 2);
  CHECK(found.documents[0].number == 7);
  CHECK(cut(text, found.documents[0].relevant) ==
        "(Title: X) one\nsecond line\n\nthird\n\n\nDocument [x](Title: no) not a document");
  CHECK(found.documents[1].number == 12);
  CHECK(cut(text, found.documents[1].line) == "Document [12](Title: ) \nQuestion: early?");
  CHECK(found.documents[1].title.empty());
  CHECK(cut(text, found.question) == "what \n about it");

  CHECK(find_documents("").documents.empty());
  CHECK(find_documents("Document [1](Title: A) b").documents.at(0).line == ByteSpan{0, 24});
  CHECK(find_documents("xDocument [1](Title: A) b").documents.empty());
  CHECK(find_documents("Document [99999999999999](Title: A) b").documents.empty());
  CHECK(find_documents("Document [-1](Title: A) b").documents.empty());
  CHECK(find_documents("Document [1]").documents.empty());
  CHECK(find_documents("Question:").question.empty());
}

TEST_CASE("random text never breaks the search for documents") {
  const std::vector<std::string> parts = {
      "Document [", "1",       "](Title: ", ")", "\n", "\n\n",
      "Question:",  "Answer:", " ",         "x", "(",  "\u00e9"};
  Rng rng(5);
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (auto n = rng.below(20); n > 0; --n) text += parts[rng.below(parts.size())];
    const BuiltPrompt found = find_documents(text);
    std::size_t last = 0;
    for (const DocumentSpan& document : found.documents) {
      REQUIRE(document.line.begin >= last);
      REQUIRE(document.line.begin < document.relevant.begin);
      REQUIRE(document.relevant.begin < document.relevant.end);
      REQUIRE(document.relevant.end == document.line.end);
      REQUIRE(document.line.end <= text.size());
      last = document.line.end;
    }
    REQUIRE(found.question.begin <= found.question.end);
    REQUIRE(found.question.end <= text.size());
  }
}

TEST_CASE("tokens of a span: those whose bytes overlap it") {
  const std::vector<ByteSpan> offsets = {{0, 0}, {0, 3}, {3, 5}, {5, 5}, {5, 9}, {4, 9}};
  CHECK(tokens_in_span(offsets, {3, 5}) == std::vector<std::int64_t>{2, 5});
  CHECK(tokens_in_span(offsets, {2, 4}) == std::vector<std::int64_t>{1, 2});
  CHECK(tokens_in_span(offsets, {3, 3}).empty());
  CHECK(tokens_in_span(offsets, {9, 20}).empty());
  CHECK(tokens_in_spans(offsets, std::vector<ByteSpan>{{0, 1}, {8, 9}, {0, 2}}) ==
        std::vector<std::int64_t>{1, 4, 5});
  CHECK(token_range(offsets, {2, 6}) == TokenRange{1, 6});
  CHECK(token_range(offsets, {20, 30}).size() == 0);
  CHECK(shifted({2, 4}, 10) == ByteSpan{12, 14});
  const std::string text = "a\u20acb";  // 1, 3 and 1 bytes
  CHECK(whole_characters(text, {2, 3}) == ByteSpan{1, 4});
  CHECK(whole_characters(text, {0, 2}) == ByteSpan{0, 4});
  CHECK(whole_characters(text, {4, 99}) == ByteSpan{4, 5});
  CHECK(whole_characters(text, {99, 2}).empty());
}

TEST_CASE("data sets: reading, options, messages with line numbers") {
  const std::string good =
      "{\"question\":\"q1\",\"answers\":[\"a\"],\"ctxs\":[{\"title\":\"t\",\"text\":\"x\","
      "\"isgold\":true,"
      "\"hasanswer\":true,\"id\":\"7\"},{\"title\":\"u\",\"text\":\"y\"}]}\n\n  \n"
      "{\"question\":\"q2\",\"answers\":[],\"ctxs\":[]}";
  const auto samples = parse_dataset(good, "data.jsonl");
  REQUIRE_MESSAGE(samples.has_value(), message_of(samples));
  REQUIRE(samples->size() == 2);
  CHECK(samples->at(0).documents.at(0).gold);
  CHECK(samples->at(0).documents.at(0).has_answer);
  CHECK_FALSE(samples->at(0).documents.at(1).gold);
  CHECK(samples->at(1).index == 1);
  CHECK(parse_dataset(good, "d", {.max_samples = 1})->size() == 1);
  CHECK(parse_dataset(good, "d", {.max_samples = 0})->empty());

  const auto message = [](const std::string& text, const DatasetOptions& options = {}) {
    return message_of(parse_dataset(text, "data.jsonl", options));
  };
  CHECK(contains(message(""), "data.jsonl: holds no samples"));
  CHECK(message("\n{\"question\":3}") ==
        "data.jsonl line 2: field 'question' expected a string, found 3");
  CHECK(contains(message("{\"question\":\"q\",\"answers\":\"a\"}"),
                 "'answers' expected a list of strings"));
  CHECK(contains(message("{\"question\":\"q\",\"answers\":[]}"),
                 "'ctxs' expected a list, but it is missing"));
  CHECK(contains(message("{\"question\":\"q\",\"answers\":[],\"ctxs\":[{\"title\":\"t\"}]}"),
                 "line 1: field 'ctxs[0].text' expected a string, but it is missing"));
  CHECK(contains(message("{\"question\":\"q\",\"answers\":[],\"ctxs\":[3]}"),
                 "'ctxs[0]' expected an object"));
  CHECK(contains(message("[]"), "line 1: expected a JSON object"));
  CHECK(contains(message("{"), "data.jsonl line 1: JSON "));
  CHECK(contains(message(std::string(100'000, '[')), "nested deeper"));
  CHECK(contains(message("{\"question\":\"q\",\"answers\":[],\"ctxs\":[]}", {.gold_position = 2}),
                 "line 1: sample 0 has no gold document"));
  CHECK(contains(message("{\"ordered_kv_records\":[[1,2]],\"key\":\"k\",\"value\":\"v\"}"),
                 "[key, value]"));
  CHECK(contains(message_of(load_dataset("/none/data.jsonl")), "/none/data.jsonl: cannot open"));
}

TEST_CASE("moving the gold document keeps the order of the others") {
  for (std::size_t gold = 0; gold < 4; ++gold) {
    for (std::size_t to = 0; to < 6; ++to) {
      QaSample sample;
      std::string others;
      for (std::size_t i = 0; i < 4; ++i) {
        sample.documents.push_back({std::to_string(i), "", i == gold});
        if (i != gold) others += std::to_string(i);
      }
      REQUIRE(move_gold(sample, to));
      CHECK(sample.gold_position() == std::min<std::size_t>(to, 3));
      std::string left;
      for (const Document& document : sample.documents) {
        if (!document.gold) left += document.title;
      }
      CHECK(left == others);
    }
  }
}

TEST_CASE("data sets: written and read again, plain and packed") {
  const test::TemporaryFolder folder;
  std::vector<QaSample> samples = {small_sample(), small_sample()};
  samples[1].question = "line\nbreak \"quoted\" \u4e1c";
  samples[1].index = 1;
  for (const char* name : {"data.jsonl", "data.jsonl.gz"}) {
    REQUIRE(write_dataset(folder / name, samples));
    const auto read = load_dataset(folder / name);
    REQUIRE(read.has_value());
    CHECK(read->name == name);
    CHECK(read->sha256.size() == 64);
    REQUIRE(read->samples.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(sample_to_json_line(read->samples[i]) == sample_to_json_line(samples[i]));
    }
  }
  CHECK(read_text_file(folder / "data.jsonl.gz")->starts_with("\x1f\x8b"));
}

TEST_CASE("the two parts divide the questions") {
  int train = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string question = "question " + std::to_string(i);
    const DataPart part = part_of_question(question);
    CHECK(part == part_of_question(question));
    CHECK(part != DataPart::all);
    train += part == DataPart::train;
  }
  CHECK(std::abs(train - 1000) < 120);
  CHECK(part_of_question("abc") == DataPart::train);  // SHA-256 ba78...: even
  CHECK(part_of_question("") == DataPart::test);      // SHA-256 e3b0...: odd
}

TEST_CASE("the shared data sets") {
  const auto folder = test::shared_resource("data");
  if (!folder) SKIP_TEST("../shared/data not present");
  const auto documents = load_dataset(*folder / "nq-20docs-gold9-441.jsonl.gz");
  REQUIRE_MESSAGE(documents.has_value(), message_of(documents));
  CHECK(documents->samples.size() == 441);
  for (const QaSample& sample : documents->samples) {
    CHECK(sample.gold_position() == 9);
    REQUIRE(sample.documents.size() == 20);
  }
  for (std::size_t i = 0; i < 441; i += 20) {
    for (const PromptKind kind : {PromptKind::all, PromptKind::gold_only, PromptKind::no_gold}) {
      check_round_trip(documents->samples[i], kind);
    }
  }
  const auto moved = load_dataset(*folder / "nq-20docs-gold9-441.jsonl.gz",
                                  {.max_samples = 30, .part = DataPart::test, .gold_position = 19});
  REQUIRE(moved.has_value());
  CHECK(moved->samples.size() == 30);
  for (const QaSample& sample : moved->samples) {
    CHECK(sample.gold_position() == 19);
    CHECK(part_of_question(sample.question) == DataPart::test);
  }
  const auto oracle = load_dataset(*folder / "nq-open-oracle.jsonl.gz");
  REQUIRE(oracle.has_value());
  CHECK(oracle->samples.size() == 2655);
  CHECK(oracle->samples[0].answers == std::vector<std::string>{"Wilhelm Conrad R\u00f6ntgen"});
  const auto pairs = load_dataset(*folder / "kv-retrieval-75_keys.jsonl.gz", {.max_samples = 3});
  REQUIRE(pairs.has_value());
  REQUIRE(pairs->samples.size() == 3);
  for (const QaSample& sample : pairs->samples) {
    CHECK(sample.documents.size() == 75);
    REQUIRE(sample.gold_position().has_value());
    CHECK(sample.documents[*sample.gold_position()].text == sample.answers[0]);
  }
}
