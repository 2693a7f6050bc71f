#include "core/demo_world/demo_world_own.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <set>

#include "core/demo_world/demo_world.h"

static_assert(headscope::own_most_people == headscope::demo_max_documents);

namespace headscope {
namespace {

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

// Letters to change, add or leave out (Levenshtein 1966), capitals aside.
std::size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t corner = row[0];
    row[0] = i;
    for (std::size_t k = 1; k <= b.size(); ++k) {
      const std::size_t same = corner + (lower(a[i - 1]) == lower(b[k - 1]) ? 0 : 1);
      corner = row[k];
      row[k] = std::min({same, row[k] + 1, row[k - 1] + 1});
    }
  }
  return row.back();
}

bool is_in(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string nearest(const std::vector<std::string>& words, std::string_view word) {
  return *std::min_element(words.begin(), words.end(), [&](const auto& a, const auto& b) {
    return edits_between(a, word) < edits_between(b, word);
  });
}

std::string quoted(std::string_view word) {
  return "\"" + std::string(word) + "\"";
}

// "Anna" is none of the 64 first names that the model can read; the closest is Sara.
std::string problem_with(std::string_view word, const std::vector<std::string>& known,
                         const std::string& what) {
  if (is_in(known, word)) return {};
  if (word.empty()) return "a word is missing: one of the " + what;
  return quoted(word) + " is none of the " + what + " that the model can read; the closest is " +
         quoted(nearest(known, word));
}

std::string name_of(const OwnPerson& person) {
  return person.first + " " + person.last;
}

void check_facts(const OwnPerson& person, const std::string& where,
                 std::vector<std::string>& problems) {
  std::set<std::string> said;
  for (const OwnFact& fact : person.facts) {
    std::string problem = problem_with_verb(fact.verb);
    if (problem.empty()) problem = problem_with_object(fact.verb, fact.object);
    if (!problem.empty()) {
      problems.push_back(where + problem);
    } else if (!said.insert(demo_words().verb(fact.verb)->third).second) {
      problems.push_back(where + "two facts with " + quoted(fact.verb) +
                         ": the question would have two answers");
    }
  }
  if (person.facts.empty()) problems.push_back(where + "no fact yet");
}

void check_person(const OwnPerson& person, std::size_t index, std::vector<std::string>& problems) {
  const std::string where = "Person " + std::to_string(index + 1) + ": ";
  for (const std::string& problem :
       {problem_with_first_name(person.first), problem_with_last_name(person.last)}) {
    if (!problem.empty()) problems.push_back(where + problem);
  }
  check_facts(person, where, problems);
}

void check_question(const OwnWorld& world, std::vector<std::string>& problems) {
  const auto people = static_cast<int>(world.people.size());
  if (world.asked_person < 0 || world.asked_person >= people) {
    problems.push_back("Question: it is about nobody; choose one of the people");
    return;
  }
  const auto& facts = world.people[static_cast<std::size_t>(world.asked_person)].facts;
  if (world.asked_fact < 0 || world.asked_fact >= static_cast<int>(facts.size()))
    problems.push_back("Question: it asks for no fact; choose one");
}

}  // namespace

const DemoVerb* DemoWords::verb(std::string_view word) const {
  const auto found = std::find_if(verbs.begin(), verbs.end(), [&](const DemoVerb& v) {
    return v.base == word || v.third == word;
  });
  return found != verbs.end() ? &*found : nullptr;
}

std::string problem_with_first_name(std::string_view word) {
  return problem_with(word, demo_words().first_names, "64 first names");
}

std::string problem_with_last_name(std::string_view word) {
  return problem_with(word, demo_words().last_names, "64 last names");
}

std::string problem_with_verb(std::string_view word) {
  if (demo_words().verb(word) != nullptr) return {};
  std::vector<std::string> known;
  for (const DemoVerb& verb : demo_words().verbs) known.push_back(verb.third);
  return problem_with(word, known, "8 verbs");
}

std::string problem_with_object(std::string_view verb, std::string_view word) {
  const DemoVerb* known = demo_words().verb(verb);
  if (known == nullptr) return {};  // the verb's own problem comes first
  for (const DemoVerb& other : demo_words().verbs) {
    if (&other != known && is_in(other.objects, word))
      return quoted(word) + " goes with " + quoted(other.third) +
             " in the model's world, not with " + quoted(known->third);
  }
  return problem_with(word, known->objects, "16 things that somebody " + known->third);
}

std::vector<std::string> problems_of(const OwnWorld& world) {
  std::vector<std::string> problems;
  if (world.people.empty()) problems.emplace_back("There is nobody yet: add a person");
  if (world.people.size() > own_most_people)
    problems.push_back("The model reads up to " + std::to_string(own_most_people) +
                       " documents; these are " + std::to_string(world.people.size()));
  std::set<std::string> names;
  for (std::size_t i = 0; i < world.people.size(); ++i) {
    check_person(world.people[i], i, problems);
    if (!names.insert(name_of(world.people[i])).second)
      problems.push_back("Person " + std::to_string(i + 1) + ": " + name_of(world.people[i]) +
                         " is there already");
  }
  if (!world.people.empty()) check_question(world, problems);
  return problems;
}

Result<QaSample> own_sample(const OwnWorld& world) {
  const std::vector<std::string> problems = problems_of(world);
  if (!problems.empty()) return bad_input(problems.front());
  QaSample sample;
  for (const OwnPerson& person : world.people) {
    Document document;
    document.title = name_of(person);
    for (const OwnFact& fact : person.facts) {
      if (!document.text.empty()) document.text += ' ';
      document.text +=
          document.title + " " + demo_words().verb(fact.verb)->third + " " + fact.object + ".";
    }
    sample.documents.push_back(std::move(document));
  }
  const auto asked = static_cast<std::size_t>(world.asked_person);
  const OwnFact& fact = world.people[asked].facts[static_cast<std::size_t>(world.asked_fact)];
  sample.documents[asked].gold = sample.documents[asked].has_answer = true;
  sample.question =
      "What does " + sample.documents[asked].title + " " + demo_words().verb(fact.verb)->base + "?";
  sample.answers = {fact.object};
  return sample;
}

namespace {

bool has_first_name(const OwnWorld& world, const std::string& name) {
  return std::any_of(world.people.begin(), world.people.end(),
                     [&](const OwnPerson& p) { return p.first == name; });
}

// Facts of the same verbs; the n-th person to be added gets the n-th object that is no answer.
std::vector<OwnFact> other_facts(const std::vector<OwnFact>& asked, std::size_t n) {
  std::vector<OwnFact> facts;
  for (const OwnFact& fact : asked) {
    const DemoVerb* verb = demo_words().verb(fact.verb);
    if (verb == nullptr) continue;
    std::vector<std::string> others = verb->objects;
    std::erase(others, fact.object);
    facts.push_back({verb->third, others[n % others.size()]});
  }
  return facts;
}

}  // namespace

void add_people(OwnWorld& world, int count, bool namesakes) {
  const DemoWords& words = demo_words();
  const auto asked = static_cast<std::size_t>(std::max(0, world.asked_person));
  const OwnPerson model =
      asked < world.people.size() ? world.people[asked] : first_own_world().people.front();
  // A step that shares no factor with 64 meets every name, and neighbours look unlike.
  constexpr std::size_t kStep = 13;
  const std::size_t names = words.first_names.size();
  for (std::size_t i = 1; i <= names && count > 0 && world.people.size() < own_most_people; ++i) {
    const std::string& first = words.first_names[i * kStep % names];
    const std::string& last = words.last_names[i * kStep % names];
    if (has_first_name(world, first) || (!namesakes && last == model.last)) continue;
    const std::size_t n = world.people.size();
    world.people.push_back({first, namesakes ? model.last : last, other_facts(model.facts, n)});
    --count;
  }
}

OwnWorld first_own_world() {
  return {{{"Mira", "Fengard", {{"plays", "violin"}, {"fears", "bees"}}},
           {"Salin", "Fengard", {{"plays", "drums"}, {"fears", "wolves"}}}},
          0,
          0};
}

}  // namespace headscope
