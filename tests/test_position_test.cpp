// A document moved in the text of a prompt is the same as one moved in its data.
// links: headscope_experiment headscope_demo_world
#include <doctest/doctest.h>

#include "core/demo_world/demo_world.h"
#include "core/experiment/position_test.h"
#include "core/text/dataset.h"

using namespace headscope;

TEST_CASE("moving a document in the text equals moving it in the sample") {
  auto made = demo_samples({.documents = 7, .gold_position = 4}, 3, 5);
  REQUIRE(made);
  for (const QaSample& sample : *made) {
    const BuiltPrompt given = build_prompt(sample);
    const BuiltPrompt found = find_documents(given.text);
    for (std::size_t to = 0; to < 7; ++to) {
      QaSample moved = sample;
      REQUIRE(move_gold(moved, to));
      const BuiltPrompt wanted = build_prompt(moved);
      const auto text = with_document_at(given.text, found, 4, to);
      REQUIRE(text);
      CHECK(text->text == wanted.text);
      CHECK((text->gold_spans() == wanted.gold_spans()));
      CHECK((text->other_spans() == wanted.other_spans()));
      CHECK((text->question == wanted.question));
      for (std::size_t i = 0; i < 7; ++i) {
        CHECK((text->documents[i].line == wanted.documents[i].line));
        CHECK(text->documents[i].number == wanted.documents[i].number);
        CHECK(text->documents[i].title == wanted.documents[i].title);
      }
    }
  }
}

TEST_CASE("what stands around and between documents stays") {
  const std::string text =
      "Intro\n\nDocument [3](Title: A) first\nsecond line\nDocument [8](Title: B) b\n\nQuestion: "
      "q?\nAnswer:";
  const BuiltPrompt found = find_documents(text);
  REQUIRE(found.documents.size() == 2);
  const auto moved = with_document_at(text, found, 1, 0);
  REQUIRE(moved);
  CHECK(moved->text ==
        "Intro\n\nDocument [3](Title: B) b\nDocument [8](Title: A) first\nsecond line\n\nQuestion: "
        "q?\nAnswer:");
  REQUIRE(moved->gold_spans().size() == 1);
  CHECK(moved->text.substr(moved->gold_spans()[0].begin, 10) == "(Title: B)");
  CHECK_FALSE(with_document_at(text, found, 2, 0));
}
