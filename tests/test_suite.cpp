// links: headscope_suite headscope_analysis headscope_text
// Long-context suites: lengths, seeds, gold spans, scores of right and wrong answers.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "core/demo_world/demo_world.h"
#include "core/suite/generate.h"
#include "core/suite/world.h"
#include "tests/letters_tokenizer.h"
#include "tests/resources.h"
#include "tests/skip.h"

using namespace headscope;

namespace {

const PromptEncoder& demo_encoder() {
  static const auto tokenizer = Tokenizer::from_json(demo_tokenizer_json(), "demo");
  REQUIRE(tokenizer);
  static const PromptEncoder encoder(*tokenizer);
  return encoder;
}

const SuiteTask& task_named(const std::string& name) {
  const auto found = tasks_of_suite(name, false);
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  return *found->front();
}

std::vector<FittedSample> made(const SuiteTask& task, std::int64_t length, std::int64_t samples,
                               std::uint64_t seed = 0,
                               const PromptEncoder& encoder = test::letters_encoder()) {
  const auto result =
      generate_suite(task, {.length = length, .samples = samples, .seed = seed}, encoder, {});
  REQUIRE_MESSAGE(result, (result ? "" : result.error().message));
  return *result;
}

std::string part(const SuiteSample& sample, ByteSpan span) {
  return sample.text.substr(span.begin, span.end - span.begin);
}

// Every answer stands in what is marked as relevant, and for tasks that ask for one thing nowhere
// else in the context.
void check_gold(const SuiteSample& sample) {
  REQUIRE_FALSE(sample.gold.empty());
  std::string gold;
  for (const ByteSpan span : sample.gold) {
    CHECK(span.begin >= sample.context.begin);
    CHECK(span.end <= sample.context.end);
    gold += part(sample, span) + "\n";
    for (const ByteSpan other : sample.others) CHECK_FALSE(span.overlaps(other));
  }
  if (sample.metric == SuiteMetric::ndcg_10) return;
  for (const std::string& answer : sample.answers) {
    CHECK_MESSAGE(gold.find(answer) != std::string::npos, answer);
  }
  if (sample.category != "recall") return;
  std::string rest = sample.text;
  for (const std::string& answer : sample.answers) {
    const auto first = rest.find(answer);
    CHECK(rest.find(answer, first + 1) == std::string::npos);
  }
}

// The answer that gets full marks.
std::string right_answer(const SuiteSample& sample) {
  std::string text;
  for (const std::string& answer : sample.answers) text += " " + answer;
  return text;
}

}  // namespace

TEST_CASE("every task: lengths, spans, answers") {
  for (const SuiteTask& task : suite_tasks()) {
    if (task.embedded) continue;
    CAPTURE(task.name);
    for (const FittedSample& fitted : made(task, 12'000, 4)) {
      const SuiteSample& sample = fitted.sample;
      const auto total = fitted.tokens + sample.max_new_tokens;
      CHECK(total <= 12'000);
      CHECK(total > 11'000);
      CHECK(fitted.tokens == static_cast<std::int64_t>(sample.prompt(false).size()));
      CHECK(sample.text.find(sample.question) != std::string::npos);
      check_gold(sample);
      CHECK(suite_score(sample, right_answer(sample), false) == doctest::Approx(1));
      CHECK(suite_score(sample, right_answer(sample), true) == doctest::Approx(1));
      CHECK(suite_score(sample, " nothing of the sort", false) == 0);
      CHECK(suite_score(sample, "", true) == 0);
    }
  }
}

TEST_CASE("same seed, same sample; samples and seeds differ") {
  for (const SuiteTask& task : suite_tasks()) {
    if (task.embedded) continue;
    CAPTURE(task.name);
    const auto first = made(task, 8'000, 3), again = made(task, 8'000, 3);
    const auto other = made(task, 8'000, 1, 1);
    for (std::size_t i = 0; i < first.size(); ++i) {
      CHECK(first[i].sample.text == again[i].sample.text);
    }
    CHECK(first[0].sample.text != first[1].sample.text);
    CHECK(first[0].sample.text != other[0].sample.text);
    // However many are made.
    CHECK(made(task, 8'000, 1)[0].sample.text == first[0].sample.text);
  }
}

TEST_CASE("the relevant part is early, in the middle and late") {
  for (const char* name : {"rag_qa", "json_kv", "niah_single_2"}) {
    CAPTURE(name);
    std::map<int, int> thirds;
    for (const FittedSample& fitted : made(task_named(name), 8'000, 40)) {
      const SuiteSample& s = fitted.sample;
      const double depth = static_cast<double>(s.gold[0].begin - s.context.begin) /
                           static_cast<double>(s.context.end - s.context.begin);
      ++thirds[static_cast<int>(depth * 3)];
    }
    for (int third = 0; third < 3; ++third) CHECK(thirds[third] >= 5);
  }
}

TEST_CASE("prose and documents do not repeat, keys are given once, at 64k tokens") {
  const auto sentences_of = [](std::string text) {
    std::multiset<std::string> parts;
    for (std::size_t at; (at = text.find(". ")) != std::string::npos; text.erase(0, at + 2)) {
      parts.insert(text.substr(0, at));
    }
    return parts;
  };
  for (const char* name : {"rag_qa", "niah_single_2"}) {
    const SuiteSample sample = made(task_named(name), 280'000, 1)[0].sample;
    const auto sentences = sentences_of(part(sample, sample.context));
    CHECK(sentences.size() > 2'500);
    CHECK(std::set(sentences.begin(), sentences.end()).size() == sentences.size());
  }
  for (const char* name : {"niah_multikey_2", "niah_multikey_3"}) {
    const SuiteSample sample = made(task_named(name), 280'000, 1)[0].sample;
    std::set<std::string> keys;
    for (const ByteSpan span : sample.others) {
      const std::string needle = part(sample, span);
      const auto begin = needle.find(" for ");
      const std::string key = needle.substr(begin, needle.find(" is: ") - begin);
      CHECK_MESSAGE(keys.insert(key).second, key);
      CHECK(key != " for " + sample.question);
    }
    CHECK(keys.size() > 1'500);
  }
  const SuiteSample pairs = made(task_named("json_kv"), 280'000, 1)[0].sample;
  const std::string context = part(pairs, pairs.context);
  const auto json = Json::parse(context.substr(context.find('{')), nullptr, false);
  REQUIRE(json.is_object());
  CHECK(json.size() == pairs.others.size() + 1);
  CHECK(json[pairs.question] == pairs.answers[0]);
}

TEST_CASE("more keys than phrases are told apart by numbers") {
  std::set<std::string> phrases;
  for (std::size_t i = 0; i < key_phrases(); ++i) phrases.insert(key_phrase(i));
  CHECK(phrases.size() == key_phrases());
}

TEST_CASE("rankings are scored by grade") {
  const SuiteSample sample = made(task_named("rerank"), 12'000, 1)[0].sample;
  CHECK(sample.relevance.size() == sample.gold.size() + sample.others.size());
  std::string worst, best = sample.answers[0];
  for (const auto& [id, grade] : sample.relevance) {
    if (grade == 0) worst += (worst.empty() ? "" : " > ") + id;
  }
  CHECK(suite_score(sample, worst, false) == 0);
  const std::string swapped =
      best.substr(best.find('>') + 2) + " > " + best.substr(0, best.find(' '));
  const double score = suite_score(sample, swapped, false);
  CHECK(score > 0);
  CHECK(score < 1);
  CHECK(suite_score(sample, " " + best + "\nID1 > ID2", false) == doctest::Approx(1));
}

TEST_CASE("the embedded model has questions of its own and is told so about others") {
  const auto tasks = tasks_of_suite("all", true);
  REQUIRE(tasks);
  REQUIRE(tasks->size() == 1);
  for (const std::int64_t length : {256, 512, 1024}) {
    for (const auto& fitted : made(*tasks->front(), length, 5, 0, demo_encoder())) {
      CHECK(fitted.tokens + fitted.sample.max_new_tokens <= length);
      CHECK(fitted.tokens + fitted.sample.max_new_tokens > length * 4 / 5);
      check_gold(fitted.sample);
    }
  }
  const auto refused = generate_suite(task_named("rag_qa"), {.length = 1024}, demo_encoder(), {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::bad_input);
  CHECK(refused.error().message.find("suite of its own, 'demo'") != std::string::npos);
  const auto long_demo = generate_suite(*tasks->front(), {.length = 4096}, demo_encoder(), {});
  REQUIRE_FALSE(long_demo);
  CHECK(long_demo.error().message.find("fills at most") != std::string::npos);
}

TEST_CASE("too short lengths and unknown suites are refused") {
  const auto tiny =
      generate_suite(task_named("json_kv"), {.length = 200}, test::letters_encoder(), {});
  REQUIRE_FALSE(tiny);
  CHECK(tiny.error().kind == ErrorKind::usage);
  CHECK(tiny.error().message.find("needs at least") != std::string::npos);
  const auto unknown = tasks_of_suite("frob", false);
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().message.find("niah_multivalue") != std::string::npos);
}

TEST_CASE("lengths of published tokenizers") {
  const auto folder = test::shared_resource("tokenizers");
  if (!folder) SKIP_TEST("../shared/tokenizers not present");
  for (const char* name : {"llama3", "mistral", "neox", "qwen2"}) {
    const auto tokenizer = Tokenizer::load(*folder / name);
    REQUIRE(tokenizer);
    const PromptEncoder encoder(*tokenizer);
    for (const SuiteTask& task : suite_tasks()) {
      if (task.embedded) continue;
      for (const std::int64_t length : {1'024, 8'192}) {
        CAPTURE(std::string(name) + " " + task.name + " " + std::to_string(length));
        const auto fitted = made(task, length, 1, 0, encoder)[0];
        const auto total = fitted.tokens + fitted.sample.max_new_tokens;
        CHECK(total <= length);
        CHECK(total > length - 200);
      }
    }
  }
}
