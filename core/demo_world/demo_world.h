// The synthetic world of the embedded model: people, facts, documents, questions. Torch-free.
//
// Every document of a sample states facts of the same relations about another person, so that a
// question can only be answered by finding *whose* fact it is. The text has exactly the prompt
// format of core/text/prompt.h, and every word is one token.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/rng.h"
#include "core/text/prompt.h"

namespace headscope {

inline constexpr int demo_max_documents = 20;
inline constexpr int demo_max_facts = 8;

/// People of training and of test samples are disjoint pairs of a first and a last name.
enum class DemoSplit { train, test };

/// Whom the other documents are about.
enum class DemoDistractors {
  neutral,  ///< people who share neither name with the person asked about
  similar,  ///< people who share the first or the last name
  mixed,    ///< half of each
};
/// Indices of first and last name.
struct DemoPerson {
  int first = 0, last = 0;
  friend bool operator==(const DemoPerson&, const DemoPerson&) = default;
};

/// The split a pair of names belongs to: a quarter of all pairs is for testing.
DemoSplit demo_split_of(const DemoPerson& person);
std::string demo_name(const DemoPerson& person);  ///< "First Last"
/// What a sample is made of.
struct DemoSampleOptions {
  int documents = demo_max_documents;  ///< 1..20
  int facts = 3;                       ///< facts per document, 1..8
  std::optional<int> gold_position;    ///< from 0; drawn when empty
  DemoDistractors distractors = DemoDistractors::mixed;
  DemoSplit split = DemoSplit::test;
};

/// One sample; the gold document alone states the answer. usage error for options out of range.
Result<QaSample> demo_sample(Rng& rng, const DemoSampleOptions& options);

/// `count` samples; sample i depends on (seed, i) alone.
Result<std::vector<QaSample>> demo_samples(const DemoSampleOptions& options, int count,
                                           std::uint64_t seed);

/// The sentence that answers a sample completely, with its leading space: " First Last plays
/// violin."
std::string demo_answer(const QaSample& sample);

/// Tokens of the vocabulary by id; most begin with the space that precedes them in the text.
const std::vector<std::string>& demo_vocabulary();
inline constexpr std::int32_t demo_bos = 0, demo_eos = 1, demo_unknown = 2;

/// tokenizer.json (word level, decoding is lossless concatenation) and tokenizer_config.json.
std::string demo_tokenizer_json();
std::string demo_tokenizer_config_json();

/// What a position of a training sequence is worth learning.
enum class DemoTokenKind : std::int8_t {
  padding = -1,
  context = 0,   ///< prompt, documents, questions
  answer = 1,    ///< words of an answer which the question determines
  value = 2,     ///< the word that has to be found in the documents
  no_value = 3,  ///< "something", where no document answers
};

/// A prompt with several questions and their answers, for dense training signal.
struct DemoSequence {
  std::vector<std::int32_t> ids;  ///< begins with BOS
  std::vector<DemoTokenKind> kinds;
};
/// What a training sequence is made of.
struct DemoSequenceOptions {
  int documents = 1;  ///< 1..20
  int facts = 3;      ///< 1..8
  int questions = 1;
  int similar = 0;          ///< documents that share a name with the first person asked about
  double unanswerable = 0;  ///< share of questions about somebody without a document
  double near_miss = 0.5;   ///< share of those about somebody who shares a name with a document
  bool instruction = true;  ///< the instruction line before the documents
  bool drop_gold = false;   ///< the first question's document is left out
};

/// A training sequence about people of the training split. Options are clamped to their ranges.
DemoSequence demo_sequence(Rng& rng, const DemoSequenceOptions& options);

}  // namespace headscope
