// People and facts that somebody makes up, in words that the embedded model can read.
//
// Its vocabulary is closed: 64 first names, 64 last names, 8 verbs with 16 objects each. Another
// word would be read as "unknown", so it is refused here, with the reason and what is close to it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/text/prompt.h"

namespace headscope {
/// A relation with the words that it is said by.
struct DemoVerb {
  std::string base, third;           ///< "play", "plays"
  std::vector<std::string> objects;  ///< what one plays
};

/// All words that facts are made of.
struct DemoWords {
  std::vector<std::string> first_names, last_names;
  std::vector<DemoVerb> verbs;

  /// By either of its forms; null = no such verb.
  const DemoVerb* verb(std::string_view word) const;
};
const DemoWords& demo_words();  ///< made once
/// What a user says about a person.
struct OwnFact {
  std::string verb, object;  ///< "plays", "violin"
  friend bool operator==(const OwnFact&, const OwnFact&) = default;
};

/// A document: one person and what is said of her.
struct OwnPerson {
  std::string first, last;
  std::vector<OwnFact> facts;
  friend bool operator==(const OwnPerson&, const OwnPerson&) = default;
};

/// What a class makes up: documents, and the fact that is asked for.
struct OwnWorld {
  std::vector<OwnPerson> people;
  int asked_person = 0, asked_fact = 0;  ///< from 0
  friend bool operator==(const OwnWorld&, const OwnWorld&) = default;
};

/// Why the model cannot read this word in this place, or "". `verb` matters for objects alone.
std::string problem_with_first_name(std::string_view word);
std::string problem_with_last_name(std::string_view word);
std::string problem_with_verb(std::string_view word);
std::string problem_with_object(std::string_view verb, std::string_view word);

/// Every reason why this is no prompt yet, in the order of the people; empty = it is one.
std::vector<std::string> problems_of(const OwnWorld& world);

/// Documents, question and answer as the model learnt to read them, the document of the person
/// asked about being the gold one. bad_input: the first of `problems_of`.
Result<QaSample> own_sample(const OwnWorld& world);

/// Two people to begin with, who share a last name.
OwnWorld first_own_world();

inline constexpr std::size_t own_most_people = 20;

/// Adds up to `count` people with facts of the same verbs as the person asked about has, and other
/// objects: with her last name where `namesakes`, else with names that nobody has yet.
void add_people(OwnWorld& world, int count, bool namesakes);

}  // namespace headscope
