#include "core/demo_world/demo_world.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

#include <nlohmann/json.hpp>

#include "core/demo_world/demo_world_own.h"

namespace headscope {
namespace {

constexpr int name_count = 64, relation_count = 8, value_count = 16;

struct Relation {
  std::string_view base, third;  ///< "play", "plays"
  std::array<std::string_view, value_count> values;
};

// No value is part of another word of the vocabulary: the metric searches for substrings.
constexpr std::array<Relation, relation_count> relations{{
    {"play",
     "plays",
     {"violin", "piano", "guitar", "flute", "cello", "harp", "drums", "trumpet", "banjo", "oboe",
      "clarinet", "organ", "accordion", "trombone", "mandolin", "viola"}},
    {"eat",
     "eats",
     {"rice", "bread", "soup", "pasta", "beans", "cheese", "apples", "noodles", "salad", "pancakes",
      "potatoes", "olives", "lentils", "mushrooms", "porridge", "dumplings"}},
    {"speak",
     "speaks",
     {"French", "Spanish", "Greek", "Latin", "Arabic", "Hindi", "Swedish", "Polish", "Turkish",
      "Korean", "Finnish", "Danish", "Welsh", "Basque", "Tamil", "Dutch"}},
    {"own",
     "owns",
     {"horses", "boats", "bicycles", "kites", "lamps", "clocks", "goats", "parrots", "ladders",
      "tractors", "mirrors", "umbrellas", "telescopes", "wagons", "rabbits", "canoes"}},
    {"visit",
     "visits",
     {"Paris", "Rome", "Cairo", "Oslo", "Lima", "Tokyo", "Berlin", "Madrid", "Vienna", "Prague",
      "Dublin", "Athens", "Lisbon", "Warsaw", "Delhi", "Nairobi"}},
    {"study",
     "studies",
     {"physics", "history", "geology", "botany", "algebra", "logic", "music", "chemistry",
      "astronomy", "poetry", "optics", "grammar", "medicine", "economics", "philosophy",
      "anatomy"}},
    {"fear",
     "fears",
     {"spiders", "snakes", "heights", "thunder", "ghosts", "dogs", "bees", "crowds", "darkness",
      "storms", "needles", "wolves", "clowns", "sharks", "bats", "fire"}},
    {"paint",
     "paints",
     {"landscapes", "portraits", "flowers", "ships", "mountains", "birds", "bridges", "castles",
      "forests", "rivers", "houses", "clouds", "trees", "windmills", "gardens", "deserts"}},
}};

constexpr std::array<std::string_view, 8> first_heads{"Mi", "Ka", "Lo", "Te",
                                                      "Ru", "Sa", "Ve", "No"};
constexpr std::array<std::string_view, 8> first_tails{"ra",  "lin", "dor", "mek",
                                                      "sha", "vin", "tos", "bel"};
constexpr std::array<std::string_view, 8> last_heads{"Bran", "Cor", "Dal", "Fen",
                                                     "Hol",  "Kir", "Mor", "Tal"};
constexpr std::array<std::string_view, 8> last_tails{"berg", "den",  "fax",  "gard",
                                                     "low",  "mont", "ster", "wick"};

std::string name_of(const std::array<std::string_view, 8>& heads,
                    const std::array<std::string_view, 8>& tails, int index) {
  const auto i = static_cast<std::size_t>(index);
  return std::string(heads[i % 8]) + std::string(tails[i / 8]);
}
std::string first_name(int index) {
  return name_of(first_heads, first_tails, index);
}
std::string last_name(int index) {
  return name_of(last_heads, last_tails, index);
}

/// Token ids by meaning, so that sequences are made without tokenising.
struct Vocabulary {
  std::vector<std::string> tokens{"<s>", "</s>", "<unk>"};
  std::vector<std::int32_t> instruction;
  std::array<std::int32_t, demo_max_documents + 1> number{};
  std::array<std::int32_t, name_count> first{}, last{};
  std::array<std::int32_t, relation_count> base{}, third{};
  std::array<std::array<std::int32_t, value_count>, relation_count> value{};
  std::int32_t newline, document, open, close, paren, title, colon, end_paren, dot;
  std::int32_t question, answer, what, does, mark, something, unknown;

  Vocabulary() {
    for (const char* word :
         {"Write",   " a",          " high",     "-",      "quality", " answer", " for",
          " the",    " given",      " question", " using", " only",   " the",    " provided",
          " search", " results",    " (",        "some",   " of",     " which",  " might",
          " be",     " irrelevant", ")",         "."}) {
      instruction.push_back(id(word));
    }
    newline = id("\n"), document = id("Document"), open = id(" ["), close = id("]"),
    paren = id("(");
    title = id("Title"), colon = id(":"), end_paren = id(")"), dot = id(".");
    for (std::size_t i = 0; i < number.size(); ++i) number[i] = id(std::to_string(i));
    question = id("Question"), answer = id("Answer"), what = id(" What"), does = id(" does");
    mark = id("?"), something = id(" something"), unknown = id(" unknown");
    for (std::size_t i = 0; i < name_count; ++i) {
      first[i] = id(" " + first_name(static_cast<int>(i)));
      last[i] = id(" " + last_name(static_cast<int>(i)));
    }
    for (std::size_t k = 0; k < relation_count; ++k) {
      base[k] = id(" " + std::string(relations[k].base));
      third[k] = id(" " + std::string(relations[k].third));
      for (std::size_t i = 0; i < value_count; ++i) {
        value[k][i] = id(" " + std::string(relations[k].values[i]));
      }
    }
    ids_.clear();
  }

 private:
  std::int32_t id(const std::string& token) {
    const auto [place, fresh] = ids_.emplace(token, static_cast<std::int32_t>(tokens.size()));
    if (fresh) tokens.push_back(token);
    return place->second;
  }
  std::unordered_map<std::string, std::int32_t> ids_;
};

const Vocabulary& vocabulary() {
  static const Vocabulary words;
  return words;
}

DemoPerson random_person(Rng& rng, DemoSplit split) {
  for (;;) {
    const DemoPerson person{static_cast<int>(rng.below(name_count)),
                            static_cast<int>(rng.below(name_count))};
    if (demo_split_of(person) == split) return person;
  }
}

bool shares_name(const DemoPerson& a, const DemoPerson& b) {
  return a.first == b.first || a.last == b.last;
}

bool contains(const std::vector<DemoPerson>& people, const DemoPerson& person) {
  return std::find(people.begin(), people.end(), person) != people.end();
}

/// Everybody of the split who shares exactly one name with `person`.
std::vector<DemoPerson> namesakes(const DemoPerson& person, DemoSplit split) {
  std::vector<DemoPerson> all;
  for (int i = 0; i < name_count; ++i) {
    for (const DemoPerson other : {DemoPerson{person.first, i}, DemoPerson{i, person.last}}) {
      if (!(other == person) && demo_split_of(other) == split) all.push_back(other);
    }
  }
  return all;
}

/// `similar` namesakes of `gold` and then others up to `count`, in random order.
std::vector<DemoPerson> draw_others(Rng& rng, const DemoPerson& gold, int count, int similar,
                                    DemoSplit split) {
  std::vector<DemoPerson> others = namesakes(gold, split);
  rng.shuffle(others);
  others.resize(std::min(others.size(), static_cast<std::size_t>(std::min(similar, count))));
  while (others.size() < static_cast<std::size_t>(count)) {
    const DemoPerson person = random_person(rng, split);
    if (!shares_name(person, gold) && !contains(others, person)) others.push_back(person);
  }
  rng.shuffle(others);
  return others;
}

/// What a sample says, before it becomes text or tokens. `facts[d][i]` is (relation, value).
struct Scene {
  std::vector<DemoPerson> people;
  std::vector<std::vector<std::pair<int, int>>> facts;
  std::vector<int> relations;
};

std::vector<int> draw_relations(Rng& rng, int count) {
  std::vector<int> all(relation_count);
  for (int i = 0; i < relation_count; ++i) all[static_cast<std::size_t>(i)] = i;
  rng.shuffle(all);
  all.resize(static_cast<std::size_t>(count));
  return all;
}

/// Nobody but `gold` has gold's values, so that an answer is right only if it is gold's.
Scene draw_scene(Rng& rng, std::vector<DemoPerson> people, const DemoPerson& gold, int facts) {
  Scene scene{std::move(people), {}, draw_relations(rng, facts)};
  std::array<int, relation_count> reserved{};
  for (int& value : reserved) value = static_cast<int>(rng.below(value_count));
  for (const DemoPerson& person : scene.people) {
    std::vector<int> order = scene.relations;
    rng.shuffle(order);
    auto& document = scene.facts.emplace_back();
    for (const int relation : order) {
      const int kept = reserved[static_cast<std::size_t>(relation)];
      int value = kept;
      if (!(person == gold)) {
        value = static_cast<int>(rng.below(value_count - 1));
        if (value >= kept) ++value;
      }
      document.emplace_back(relation, value);
    }
  }
  return scene;
}

std::string fact_text(const DemoPerson& person, int relation, int value) {
  const Relation& r = relations[static_cast<std::size_t>(relation)];
  return demo_name(person) + " " + std::string(r.third) + " " +
         std::string(r.values[static_cast<std::size_t>(value)]) + ".";
}

Document document_text(const DemoPerson& person, const std::vector<std::pair<int, int>>& facts) {
  Document document;
  document.title = demo_name(person);
  for (const auto& [relation, value] : facts) {
    if (!document.text.empty()) document.text += ' ';
    document.text += fact_text(person, relation, value);
  }
  return document;
}

/// Writes tokens with their kinds.
class SequenceWriter {
 public:
  explicit SequenceWriter(DemoSequence& out) : out_(out), words_(vocabulary()) {}

  void add(std::initializer_list<std::int32_t> ids, DemoTokenKind kind = DemoTokenKind::context) {
    out_.ids.insert(out_.ids.end(), ids);
    out_.kinds.insert(out_.kinds.end(), ids.size(), kind);
  }
  void instruction() {
    for (const std::int32_t id : words_.instruction) add({id});
    add({words_.newline, words_.newline});
  }
  void document(int number, const DemoPerson& person,
                const std::vector<std::pair<int, int>>& facts) {
    const auto [first, last] = name(person);
    add({words_.document, words_.open, words_.number[static_cast<std::size_t>(number)],
         words_.close, words_.paren, words_.title, words_.colon, first, last, words_.end_paren});
    for (const auto& [relation, value] : facts) {
      const auto r = static_cast<std::size_t>(relation);
      add({first, last, words_.third[r], words_.value[r][static_cast<std::size_t>(value)],
           words_.dot});
    }
    add({words_.newline});
  }
  /// `value` is empty where no document tells.
  void question(const DemoPerson& person, int relation, std::optional<int> value) {
    const auto [first, last] = name(person);
    const auto r = static_cast<std::size_t>(relation);
    add({words_.newline, words_.question, words_.colon, words_.what, words_.does, first, last,
         words_.base[r], words_.mark, words_.newline, words_.answer, words_.colon});
    add({first, last, words_.third[r]}, DemoTokenKind::answer);
    if (value) {
      add({words_.value[r][static_cast<std::size_t>(*value)]}, DemoTokenKind::value);
    } else {
      add({words_.something}, DemoTokenKind::no_value);
      add({words_.unknown}, DemoTokenKind::answer);
    }
    add({words_.dot, demo_eos}, DemoTokenKind::answer);
  }
  void separate() { add({words_.newline}); }

 private:
  std::pair<std::int32_t, std::int32_t> name(const DemoPerson& person) const {
    return {words_.first[static_cast<std::size_t>(person.first)],
            words_.last[static_cast<std::size_t>(person.last)]};
  }
  DemoSequence& out_;
  const Vocabulary& words_;
};

/// Somebody without a document, who shares a name with one of them with the given probability.
DemoPerson draw_absent(Rng& rng, const std::vector<DemoPerson>& people, double near_miss) {
  for (;;) {
    DemoPerson person = random_person(rng, DemoSplit::train);
    if (rng.chance(near_miss)) {
      const DemoPerson& other = people[static_cast<std::size_t>(rng.below(people.size()))];
      (rng.chance(0.5) ? person.first = other.first : person.last = other.last);
    }
    if (demo_split_of(person) == DemoSplit::train && !contains(people, person)) return person;
  }
}

}  // namespace

const DemoWords& demo_words() {
  static const DemoWords words = [] {
    DemoWords all;
    for (int i = 0; i < name_count; ++i) {
      all.first_names.push_back(first_name(i));
      all.last_names.push_back(last_name(i));
    }
    for (const Relation& r : relations) {
      DemoVerb verb{std::string(r.base), std::string(r.third), {}};
      verb.objects.assign(r.values.begin(), r.values.end());
      all.verbs.push_back(std::move(verb));
    }
    return all;
  }();
  return words;
}

DemoSplit demo_split_of(const DemoPerson& person) {
  // A Latin square: every first name meets every last name, and each keeps 16 partners for testing.
  return (person.first + person.last) % 4 == 3 ? DemoSplit::test : DemoSplit::train;
}

std::string demo_name(const DemoPerson& person) {
  return first_name(person.first) + " " + last_name(person.last);
}

Result<QaSample> demo_sample(Rng& rng, const DemoSampleOptions& options) {
  if (options.documents < 1 || options.documents > demo_max_documents) {
    return fail(ErrorKind::usage, "documents: " + std::to_string(options.documents) +
                                      ", expected 1 to " + std::to_string(demo_max_documents));
  }
  if (options.facts < 1 || options.facts > demo_max_facts) {
    return fail(ErrorKind::usage, "facts: " + std::to_string(options.facts) + ", expected 1 to " +
                                      std::to_string(demo_max_facts));
  }
  const int position = options.gold_position.value_or(
      static_cast<int>(rng.below(static_cast<std::uint64_t>(options.documents))));
  if (position < 0 || position >= options.documents) {
    return fail(ErrorKind::usage, "gold position: " + std::to_string(position) +
                                      ", expected 0 to " + std::to_string(options.documents - 1));
  }
  const int others = options.documents - 1;
  const int similar = options.distractors == DemoDistractors::neutral   ? 0
                      : options.distractors == DemoDistractors::similar ? others
                                                                        : others / 2;
  const DemoPerson gold = random_person(rng, options.split);
  std::vector<DemoPerson> people = draw_others(rng, gold, others, similar, options.split);
  people.insert(people.begin() + position, gold);
  const Scene scene = draw_scene(rng, std::move(people), gold, options.facts);

  QaSample sample;
  for (std::size_t i = 0; i < scene.people.size(); ++i) {
    sample.documents.push_back(document_text(scene.people[i], scene.facts[i]));
  }
  Document& relevant = sample.documents[static_cast<std::size_t>(position)];
  relevant.gold = relevant.has_answer = true;
  const auto& facts = scene.facts[static_cast<std::size_t>(position)];
  const auto [relation, value] = facts[static_cast<std::size_t>(rng.below(facts.size()))];
  const Relation& asked = relations[static_cast<std::size_t>(relation)];
  sample.question = "What does " + demo_name(gold) + " " + std::string(asked.base) + "?";
  sample.answers = {std::string(asked.values[static_cast<std::size_t>(value)])};
  return sample;
}

Result<std::vector<QaSample>> demo_samples(const DemoSampleOptions& options, int count,
                                           std::uint64_t seed) {
  std::vector<QaSample> samples;
  for (int i = 0; i < count; ++i) {
    Rng rng(seed, static_cast<std::uint64_t>(i));
    HEADSCOPE_ASSIGN(auto sample, demo_sample(rng, options));
    sample.index = i;
    samples.push_back(std::move(sample));
  }
  return samples;
}

std::string demo_answer(const QaSample& sample) {
  const auto position = sample.gold_position();
  if (!position || sample.answers.empty()) return {};
  const std::string& text = sample.documents[*position].text;
  const std::size_t found = text.find(" " + sample.answers.front() + ".");
  if (found == std::string::npos) return {};
  const std::size_t sentence = text.rfind(". ", found);  // facts are separated by ". "
  const std::size_t begin = sentence == std::string::npos ? 0 : sentence + 2;
  return " " + text.substr(begin, found + sample.answers.front().size() + 2 - begin);
}

DemoSequence demo_sequence(Rng& rng, const DemoSequenceOptions& options) {
  const int documents = std::clamp(options.documents, 1, demo_max_documents);
  const int facts = std::clamp(options.facts, 1, demo_max_facts);
  const DemoPerson gold = random_person(rng, DemoSplit::train);
  const int others = options.drop_gold ? documents : documents - 1;
  std::vector<DemoPerson> people =
      draw_others(rng, gold, others, options.similar, DemoSplit::train);
  if (!options.drop_gold) {
    people.insert(people.begin() +
                      static_cast<std::ptrdiff_t>(rng.below(static_cast<std::uint64_t>(documents))),
                  gold);
  }
  const Scene scene = draw_scene(rng, std::move(people), gold, facts);

  DemoSequence sequence;
  SequenceWriter writer(sequence);
  writer.add({demo_bos});
  if (options.instruction) writer.instruction();
  for (std::size_t i = 0; i < scene.people.size(); ++i) {
    writer.document(static_cast<int>(i) + 1, scene.people[i], scene.facts[i]);
  }
  for (int q = 0; q < std::max(1, options.questions); ++q) {
    if (q > 0) writer.separate();
    const int relation =
        scene.relations[static_cast<std::size_t>(rng.below(scene.relations.size()))];
    DemoPerson person = gold;
    if (q > 0) {
      person = rng.chance(options.unanswerable)
                   ? draw_absent(rng, scene.people, options.near_miss)
                   : scene.people[static_cast<std::size_t>(rng.below(scene.people.size()))];
    }
    std::optional<int> value;
    for (std::size_t i = 0; i < scene.people.size(); ++i) {
      if (!(scene.people[i] == person)) continue;
      for (const auto& [r, v] : scene.facts[i]) {
        if (r == relation) value = v;
      }
    }
    writer.question(person, relation, value);
  }
  return sequence;
}

const std::vector<std::string>& demo_vocabulary() {
  return vocabulary().tokens;
}

std::string demo_tokenizer_json() {
  using Json = nlohmann::ordered_json;
  Json vocab = Json::object(), added = Json::array();
  const auto& tokens = demo_vocabulary();
  for (std::size_t i = 0; i < tokens.size(); ++i) vocab[tokens[i]] = i;
  for (std::size_t i = 0; i < 3; ++i) {
    added.push_back({{"id", i},
                     {"content", tokens[i]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  const Json bos = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  const auto sequence = [](const char* id, int type) {
    return Json{{"Sequence", {{"id", id}, {"type_id", type}}}};
  };
  const Json json = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer",
       {{"type", "Split"},
        {"pattern", {{"Regex", R"( ?[A-Za-z]+| ?[0-9]+|\n| ?[^\sA-Za-z0-9])"}}},
        {"behavior", "Isolated"},
        {"invert", false}}},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single", Json::array({bos, sequence("A", 0)})},
        {"pair", Json::array({bos, sequence("A", 0), sequence("B", 1)})},
        {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {0}}, {"tokens", {"<s>"}}}}}}}},
      {"decoder", {{"type", "Fuse"}}},
      {"model", {{"type", "WordLevel"}, {"vocab", vocab}, {"unk_token", "<unk>"}}},
  };
  return json.dump(1) + "\n";
}

std::string demo_tokenizer_config_json() {
  const nlohmann::ordered_json json = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                                       {"bos_token", "<s>"},
                                       {"eos_token", "</s>"},
                                       {"unk_token", "<unk>"},
                                       {"clean_up_tokenization_spaces", false},
                                       {"model_max_length", 1024}};
  return json.dump(1) + "\n";
}

}  // namespace headscope
