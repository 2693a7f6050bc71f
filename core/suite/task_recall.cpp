// Synthetic recall: key-value pairs in JSON ("Lost in the Middle"), needles in a haystack (RULER).
#include <algorithm>

#include "core/suite/marked_text.h"
#include "core/suite/task.h"
#include "core/suite/world.h"

namespace headscope {
namespace {

constexpr int kDemonstrations = 2;

// Where `parts` things stand among `units`, drawn once for every size.
std::size_t place_at(double depth, std::size_t units) {
  return std::min(static_cast<std::size_t>(depth * static_cast<double>(units)), units - 1);
}

// ---- needles ----

enum class Haystack { repeated, prose, needles };

struct NeedleKind {
  Haystack haystack;
  bool uuid_keys, uuid_values;
  int keys;     // needles with a key of their own, besides a haystack of needles
  int values;   // of the key asked about
  int queries;  // keys asked about
};

constexpr NeedleKind kNeedles[] = {
    {Haystack::repeated, false, false, 1, 1, 1}, {Haystack::prose, false, false, 1, 1, 1},
    {Haystack::prose, false, true, 1, 1, 1},     {Haystack::prose, false, false, 4, 1, 1},
    {Haystack::needles, false, false, 1, 1, 1},  {Haystack::needles, true, true, 1, 1, 1},
    {Haystack::prose, false, false, 1, 4, 1},    {Haystack::prose, false, false, 4, 1, 4},
};

constexpr const char* kRepeated[] = {"The rain is soft.", "The road is long.", "The lamp is lit.",
                                     "On we walk.", "Home and away again."};

struct Needle {
  std::string key, value;
  bool asked = false;
  double depth = 0;
};

// Keys and values that were not given before.
class NeedleMaker {
 public:
  NeedleMaker(const NeedleKind& kind, Rng& rng)
      : kind_(kind), rng_(rng), first_key_(rng.below(key_phrases())) {}

  std::string key() {
    if (kind_.uuid_keys) return uuid(rng_);
    constexpr std::size_t stride = 1579;  // odd: visits all phrases, whose number is a power of two
    const std::size_t n = given_++;
    const std::string phrase = key_phrase((first_key_ + stride * n) % key_phrases());
    const std::size_t round = n / key_phrases();
    return round == 0 ? phrase : phrase + "-" + std::to_string(round + 1);
  }
  std::string value() {
    return kind_.uuid_values ? uuid(rng_) : std::to_string(rng_.uniform_int(1'000'000, 9'999'999));
  }

 private:
  const NeedleKind& kind_;
  Rng& rng_;
  std::size_t first_key_, given_ = 0;
};

std::vector<Needle> hidden_needles(const NeedleKind& kind, NeedleMaker& maker, Rng& rng) {
  std::vector<Needle> needles;
  for (int k = 0; k < kind.keys; ++k) {
    const std::string key = maker.key();
    for (int v = 0; v < (k == 0 ? kind.values : 1); ++v) {
      needles.push_back({key, maker.value(), k < kind.queries, rng.uniform()});
    }
  }
  return needles;
}

std::string needle_text(const NeedleKind& kind, const std::string& key, const std::string& value) {
  return std::string("One of the special magic ") + (kind.uuid_values ? "uuids" : "numbers") +
         " for " + key + " is: " + value + ".";
}

// Sentences of the haystack, one at a time.
class HaystackMaker {
 public:
  HaystackMaker(const NeedleKind& kind, NeedleMaker& needles, Rng rng)
      : kind_(kind), needles_(needles), world_(rng) {}

  std::string next() {
    if (kind_.haystack == Haystack::repeated) return kRepeated[count_++ % std::size(kRepeated)];
    if (kind_.haystack == Haystack::needles) {
      const std::string key = needles_.key();
      return needle_text(kind_, key, needles_.value());
    }
    if (fact_ == order_.size()) {
      entity_ = world_.entity();
      order_ = distinct_numbers(fact_classes, fact_classes, world_.rng());
      fact_ = 0;
    }
    return statement(entity_, static_cast<FactClass>(order_[fact_++]), world_.rng());
  }
  const char* separator() const { return kind_.haystack == Haystack::needles ? "\n" : " "; }

 private:
  const NeedleKind& kind_;
  NeedleMaker& needles_;
  World world_;
  Entity entity_;
  std::vector<std::size_t> order_;
  std::size_t fact_ = 0, count_ = 0;
};

// "a", "a and b", "a, b, and c".
std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? (words.size() > 2 ? ", and " : " and ") : ", ";
    text += words[i];
  }
  return text;
}

void add_haystack(SuiteSample& sample, MarkedText& text, const NeedleKind& kind,
                  const std::vector<Needle>& needles, HaystackMaker& hay, std::size_t units) {
  std::vector<std::vector<const Needle*>> at(units);
  for (const Needle& needle : needles) at[place_at(needle.depth, units)].push_back(&needle);
  sample.context.begin = text.size();
  for (std::size_t i = 0; i < units; ++i) {
    if (i > 0) text.add(hay.separator());
    for (const Needle* needle : at[i]) {
      const ByteSpan place = text.add(needle_text(kind, needle->key, needle->value));
      (needle->asked ? sample.gold : sample.others).push_back(place);
      text.add(hay.separator());
    }
    sample.others.push_back(text.add(hay.next()));
  }
  sample.context.end = text.size();
}

}  // namespace

SuiteSample make_key_values(const SuiteTask& task, Rng rng, std::size_t units) {
  SuiteSample sample = task.empty_sample();
  const std::size_t gold = place_at(rng.uniform(), units);
  std::vector<std::array<std::string, 2>> pairs(units);
  for (auto& pair : pairs) pair = {uuid(rng), uuid(rng)};
  MarkedText text;
  sample.context.begin = text.add("JSON data:\n{").begin;
  for (std::size_t i = 0; i < units; ++i) {
    if (i > 0) text.add(",\n ");
    const ByteSpan place = text.add("\"" + pairs[i][0] + "\": \"" + pairs[i][1] + "\"");
    (i == gold ? sample.gold : sample.others).push_back(place);
  }
  sample.context.end = text.add("}").end;
  text.add(
      "\n\nExtract the value corresponding to the specified key in the JSON object below.\n\n");
  sample.demos.begin = text.size();
  std::size_t shown = gold;
  for (int d = 0; d < kDemonstrations; ++d) {
    shown = (shown + 1 + rng.below(std::max<std::size_t>(1, units / kDemonstrations - 1))) % units;
    text.add("Key: " + pairs[shown][0] + "\nCorresponding value: " + pairs[shown][1] + "\n\n");
  }
  sample.demos.end = text.size();
  sample.question = pairs[gold][0];
  text.add("Key: " + sample.question);
  sample.text = text.take();
  sample.lead = sample.prefix = "Corresponding value:";
  sample.answers = {pairs[gold][1]};
  sample.metric = SuiteMetric::substring_match;
  sample.max_new_tokens = 100;
  return sample;
}

SuiteSample make_needles(const SuiteTask& task, Rng rng, std::size_t units) {
  SuiteSample sample = task.empty_sample();
  const NeedleKind& kind = kNeedles[task.variant];
  NeedleMaker maker(kind, rng);
  const std::vector<Needle> needles = hidden_needles(kind, maker, rng);
  HaystackMaker hay(kind, maker, Rng(rng.next_u64()));
  std::vector<std::string> queries;
  for (const Needle& needle : needles) {
    if (!needle.asked) continue;
    sample.answers.push_back(needle.value);
    if (std::ranges::find(queries, needle.key) == queries.end()) queries.push_back(needle.key);
  }
  const bool many = sample.answers.size() > 1;
  const std::string noun = std::string(kind.uuid_values ? "uuid" : "number") + (many ? "s" : "");
  MarkedText text;
  text.add(
      (many ? "Some special magic " + noun + " are" : "A special magic " + noun + " is") +
      " hidden within the following text. Make sure to memorize it. I will quiz you about the " +
      noun + " afterwards.\n");
  add_haystack(sample, text, kind, needles, hay, units);
  sample.question = listed(queries);
  text.add("\nWhat " + std::string(many ? "are all" : "is") + " the special magic " + noun +
           " for " + sample.question + " mentioned in the provided text?");
  sample.text = text.take();
  sample.lead = "The special magic " + noun + " for " + sample.question +
                " mentioned in the provided text " + (many ? "are" : "is");
  sample.metric = SuiteMetric::answer_recall;
  const bool long_answer = kind.queries > 1 || kind.uuid_keys;
  sample.max_new_tokens = long_answer ? 100 : 50;
  return sample;
}

}  // namespace headscope
