// links: headscope_demo_world headscope_text headscope_base
#include "core/demo_world/demo_world.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <string>

#include <doctest/doctest.h>

#include "core/demo_world/demo_world_own.h"
#include "core/text/dataset.h"
#include "core/text/tokenizer.h"

using namespace headscope;

namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::vector<QaSample> make(const DemoSampleOptions& options, int count, std::uint64_t seed = 5) {
  auto samples = demo_samples(options, count, seed);
  REQUIRE(samples.has_value());
  return *samples;
}

/// The pair of names with which a text begins.
std::string leading_name(const std::string& text) {
  return text.substr(0, text.find(' ', text.find(' ') + 1));
}

std::set<std::string> titles(DemoSplit split) {
  DemoSampleOptions options;
  options.split = split;
  std::set<std::string> all;
  for (const QaSample& sample : make(options, 200)) {
    for (const Document& document : sample.documents) all.insert(document.title);
  }
  return all;
}

}  // namespace

TEST_CASE("people of training and test are disjoint and every name occurs in both") {
  int test = 0;
  const auto first_names = static_cast<int>(demo_words().first_names.size());
  const auto last_names = static_cast<int>(demo_words().last_names.size());
  for (int first = 0; first < first_names; ++first) {
    for (int last = 0; last < last_names; ++last) {
      test += demo_split_of({first, last}) == DemoSplit::test ? 1 : 0;
    }
  }
  CHECK(test * 4 == first_names * last_names);
  const auto train_titles = titles(DemoSplit::train), test_titles = titles(DemoSplit::test);
  CHECK(train_titles.size() > 1000);
  CHECK(test_titles.size() > 500);
  for (const std::string& title : test_titles) CHECK_FALSE(train_titles.contains(title));
}

TEST_CASE("the gold document stands where it was asked for and alone states the answer") {
  for (const auto distractors :
       {DemoDistractors::neutral, DemoDistractors::similar, DemoDistractors::mixed}) {
    for (const int position : {0, 4, 9, 19}) {
      DemoSampleOptions options;
      options.gold_position = position;
      options.distractors = distractors;
      for (const QaSample& sample : make(options, 20)) {
        REQUIRE(sample.documents.size() == 20);
        REQUIRE(sample.gold_position() == static_cast<std::size_t>(position));
        const Document& gold = sample.documents[static_cast<std::size_t>(position)];
        CHECK(sample.question.find(gold.title) != std::string::npos);
        int with_answer = 0, sharing = 0;
        for (const Document& document : sample.documents) {
          with_answer += document.text.find(" " + sample.answers.at(0) + ".") != std::string::npos;
          CHECK(leading_name(document.text) == document.title);
          if (document.gold) continue;
          const auto split_at = [](const std::string& name) { return name.find(' '); };
          const bool first = document.title.substr(0, split_at(document.title)) ==
                             gold.title.substr(0, split_at(gold.title));
          const bool last = document.title.substr(split_at(document.title)) ==
                            gold.title.substr(split_at(gold.title));
          CHECK_FALSE((first && last));
          sharing += first || last;
        }
        CHECK(with_answer == 1);
        CHECK(gold.has_answer);
        const int expected = distractors == DemoDistractors::neutral ? 0
                             : distractors == DemoDistractors::mixed ? 9
                                                                     : 19;
        CHECK(sharing == expected);
      }
    }
  }
}

TEST_CASE("drawn gold positions cover every place") {
  std::set<std::size_t> seen;
  for (const QaSample& sample : make({}, 400)) seen.insert(*sample.gold_position());
  CHECK(seen.size() == 20);
}

TEST_CASE("samples depend on seed and index alone") {
  const auto few = make({}, 5, 9), many = make({}, 10, 9), other = make({}, 5, 10);
  for (std::size_t i = 0; i < few.size(); ++i) {
    CHECK(sample_to_json_line(few[i]) == sample_to_json_line(many[i]));
    CHECK(sample_to_json_line(few[i]) != sample_to_json_line(other[i]));
  }
}

TEST_CASE("options out of range are refused by name") {
  DemoSampleOptions options;
  options.documents = 21;
  CHECK(demo_samples(options, 1, 1).error().message.find("documents") != std::string::npos);
  options.documents = 3;
  options.gold_position = 3;
  CHECK(demo_samples(options, 1, 1).error().kind == ErrorKind::usage);
}

TEST_CASE("no value of a fact is part of another word: the metric looks for substrings") {
  const auto& words = demo_vocabulary();
  CHECK(std::set<std::string>(words.begin(), words.end()).size() == words.size());
  std::set<std::string> answers;
  DemoSampleOptions options;
  options.documents = 1;
  for (const QaSample& sample : make(options, 3000)) answers.insert(sample.answers.at(0));
  CHECK(answers.size() == 128);
  for (const std::string& answer : answers) {
    for (const std::string& word : words) {
      if (word == " " + answer) continue;
      CHECK_MESSAGE(lower(word).find(lower(answer)) == std::string::npos, answer, " in ", word);
    }
  }
}

TEST_CASE("a prompt is tokenised word by word and decodes to itself") {
  const auto tokenizer = Tokenizer::from_json(demo_tokenizer_json(), "tokenizer.json");
  REQUIRE_MESSAGE(tokenizer.has_value(), tokenizer.error().message);
  for (const QaSample& sample : make({}, 10)) {
    const std::string text = build_prompt(sample).text + demo_answer(sample);
    const auto encoding = tokenizer->encode(text);
    REQUIRE(encoding.has_value());
    CHECK(encoding->ids.front() == demo_bos);
    CHECK(std::count(encoding->ids.begin(), encoding->ids.end(), demo_unknown) == 0);
    CHECK(tokenizer->decode(encoding->ids) == text);
    CHECK(demo_answer(sample).ends_with(" " + sample.answers.at(0) + "."));
  }
}

TEST_CASE("training sequences read like the prompts of method.md") {
  const auto tokenizer = Tokenizer::from_json(demo_tokenizer_json(), "tokenizer.json");
  REQUIRE(tokenizer.has_value());
  Rng rng(3);
  DemoSequenceOptions options;
  options.documents = 20;
  const DemoSequence sequence = demo_sequence(rng, options);
  REQUIRE(sequence.ids.size() == sequence.kinds.size());
  CHECK(sequence.ids.back() == demo_eos);
  const std::string text = tokenizer->decode(sequence.ids);
  const auto encoding = tokenizer->encode(text);
  REQUIRE(encoding.has_value());
  CHECK(std::equal(encoding->ids.begin(), encoding->ids.end(), sequence.ids.begin()));

  // The same documents and question, put together by the prompt builder, give the same text.
  BuiltPrompt found = find_documents(text);
  QaSample sample;
  for (const DocumentSpan& span : found.documents) {
    const std::string line = text.substr(span.line.begin, span.line.end - span.line.begin);
    sample.documents.push_back({span.title, line.substr(line.find(") ") + 2), false, false});
  }
  const std::size_t question = text.find("\nQuestion: ") + 11;
  sample.question = text.substr(question, text.find('\n', question) - question);
  const std::string prompt = build_prompt(sample).text;
  CHECK(text.substr(0, prompt.size()) == prompt);
}

TEST_CASE("questions without a document are answered with something unknown") {
  Rng rng(4);
  DemoSequenceOptions options;
  options.documents = 6;
  options.similar = 3;
  options.drop_gold = true;
  options.questions = 4;
  options.unanswerable = 1.0;
  for (int i = 0; i < 50; ++i) {
    const DemoSequence sequence = demo_sequence(rng, options);
    CHECK(std::count(sequence.kinds.begin(), sequence.kinds.end(), DemoTokenKind::no_value) == 4);
    CHECK(std::count(sequence.kinds.begin(), sequence.kinds.end(), DemoTokenKind::value) == 0);
  }
}
