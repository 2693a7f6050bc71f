// links: headscope_demo_world
// timeout: 60
// People and facts of a class: what the model can read becomes a prompt, everything else is refused
// with the reason.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "core/demo_world/demo_world.h"
#include "core/demo_world/demo_world_own.h"

using namespace headscope;

namespace {

bool has(const std::vector<std::string>& problems, const std::string& part) {
  return std::any_of(problems.begin(), problems.end(),
                     [&](const auto& p) { return p.find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("the words are those of the tokenizer") {
  const DemoWords& words = demo_words();
  CHECK(words.first_names.size() == 64);
  CHECK(words.last_names.size() == 64);
  REQUIRE(words.verbs.size() == 8);
  const auto& vocabulary = demo_vocabulary();
  const auto known = [&](const std::string& word) {
    return std::find(vocabulary.begin(), vocabulary.end(), " " + word) != vocabulary.end();
  };
  for (const auto& list : {words.first_names, words.last_names}) {
    for (const std::string& word : list) CHECK_MESSAGE(known(word), word);
  }
  for (const DemoVerb& verb : words.verbs) {
    CHECK(known(verb.base));
    CHECK(known(verb.third));
    CHECK(verb.objects.size() == 16);
    for (const std::string& word : verb.objects) CHECK_MESSAGE(known(word), word);
  }
}

TEST_CASE("documents and question have the form of the world's own samples") {
  // A sample of the world, said again as somebody would type it.
  const QaSample sample = demo_samples({}, 1, 5).value().front();
  OwnWorld world;
  for (const Document& document : sample.documents) {
    OwnPerson person;
    const std::size_t space = document.title.find(' ');
    person.first = document.title.substr(0, space);
    person.last = document.title.substr(space + 1);
    std::size_t at = 0;
    while (at < document.text.size()) {
      const std::size_t stop = document.text.find('.', at);
      const std::string said = document.text.substr(at + document.title.size() + 1,
                                                    stop - at - document.title.size() - 1);
      const std::size_t gap = said.find(' ');
      person.facts.push_back({said.substr(0, gap), said.substr(gap + 1)});
      at = stop + 2;
    }
    world.people.push_back(person);
  }
  world.asked_person = static_cast<int>(sample.gold_position().value());
  const auto& facts = world.people[static_cast<std::size_t>(world.asked_person)].facts;
  const auto asked = std::find_if(facts.begin(), facts.end(),
                                  [&](const OwnFact& f) { return f.object == sample.answers[0]; });
  REQUIRE(asked != facts.end());
  world.asked_fact = static_cast<int>(asked - facts.begin());
  CHECK(problems_of(world).empty());
  const Result<QaSample> own = own_sample(world);
  REQUIRE(own.has_value());
  CHECK(build_prompt(*own).text == build_prompt(sample).text);
  CHECK(own->answers == sample.answers);
  CHECK(own->gold_position() == sample.gold_position());
}

TEST_CASE("what the model cannot read is refused, with the reason and a word that it can") {
  const auto changed = [](auto change) {
    OwnWorld world = first_own_world();
    change(world);
    return world;
  };
  CHECK(problems_of(first_own_world()).empty());
  const auto refused = [&](auto change, const std::string& part) {
    const OwnWorld world = changed(change);
    const auto problems = problems_of(world);
    CAPTURE(part);
    CHECK(has(problems, part));
    const Result<QaSample> sample = own_sample(world);
    REQUIRE_FALSE(sample.has_value());
    CHECK(sample.error().kind == ErrorKind::bad_input);
  };
  refused([](OwnWorld& w) { w.people[0].first = "Mirra"; },
          "Person 1: \"Mirra\" is none of the 64");
  refused([](OwnWorld& w) { w.people[0].first = "Mirra"; }, "\"Mira\"");
  refused([](OwnWorld& w) { w.people[0].first = "mira"; }, "\"Mira\"");  // capitals are other words
  refused([](OwnWorld& w) { w.people[1].last = "Smith"; }, "Person 2: \"Smith\"");
  refused([](OwnWorld& w) { w.people[1].last.clear(); }, "missing");
  refused([](OwnWorld& w) { w.people[0].facts[0].verb = "sings"; }, "\"sings\" is none of the 8");
  refused([](OwnWorld& w) { w.people[0].facts[0].object = "rice"; }, "goes with \"eats\"");
  refused([](OwnWorld& w) { w.people[0].facts[0].object = "violins"; }, "\"violin\"");
  refused([](OwnWorld& w) { w.people[0].facts[1] = {"play", "oboe"}; }, "two facts");
  refused([](OwnWorld& w) { w.people[0].facts.clear(); }, "no fact yet");
  refused([](OwnWorld& w) { w.people[1] = w.people[0]; }, "is there already");
  refused([](OwnWorld& w) { w.people.clear(); }, "nobody yet");
  refused([](OwnWorld& w) { w.people.resize(21, w.people[0]); }, "up to 20");
  refused([](OwnWorld& w) { w.asked_person = 2; }, "Question");
  refused([](OwnWorld& w) { w.asked_fact = -1; }, "Question");
}

TEST_CASE("people that are added have other answers, and everything can be read") {
  OwnWorld world = first_own_world();
  add_people(world, 5, true);
  REQUIRE(world.people.size() == 7);
  add_people(world, 30, false);
  CHECK(world.people.size() == own_most_people);
  CHECK(problems_of(world).empty());
  for (std::size_t i = 2; i < world.people.size(); ++i) {
    CHECK((world.people[i].last == "Fengard") == (i < 7));
    REQUIRE(world.people[i].facts.size() == 2);
    CHECK(world.people[i].facts[0].verb == "plays");
    CHECK(world.people[i].facts[0].object != "violin");
  }
  OwnWorld empty;
  add_people(empty, 1, true);
  CHECK(empty.people.size() == 1);
  CHECK(problems_of(empty).empty());
}
