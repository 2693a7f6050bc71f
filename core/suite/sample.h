// One question of a long-context suite: its prompt in HELMET's shape, and how its answer is judged.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/types.h"

namespace headscope {

/// How an answer is scored, by HELMET's definitions (core/analysis/helmet_metrics.h).
enum class SuiteMetric {
  substring_match,  ///< best of the whole output and of what is parsed from it
  exact_match,      ///< accuracy: the label parsed from the output is the right one
  answer_recall,    ///< share of the answers that occur
  ndcg_10,          ///< of the ranking in the output
  rouge_l,          ///< F1, best over answers, best of output and parsed output
  choice,           ///< multiple choice
  needs_judge,      ///< not scored here: predictions are exported for HELMET's judge
};

/// As HELMET's files call it ("substring_exact_match", "NDCG@10", ...); "needs a judge".
std::string metric_name(SuiteMetric metric);

/// One prompt of a suite, with its answers.
struct SuiteSample {
  std::string task, category;
  std::int64_t index = 0;
  std::string text;          ///< what the user says: instructions, demonstrations, context, query
  std::string lead;          ///< how a completion begins ("Answer:"), left out with a chat template
  std::string joint = "\n";  ///< between the two
  ByteSpan context, demos;   ///< parts of `text`
  std::string question;      ///< as HELMET's files hold it
  std::vector<std::string> answers;
  std::vector<ByteSpan> gold;            ///< the relevant parts of `text`; empty = not known
  std::vector<ByteSpan> others;          ///< the irrelevant ones of the same sort
  std::map<std::string, int> relevance;  ///< re-ranking: grade of every passage
  SuiteMetric metric = SuiteMetric::substring_match;
  std::string prefix = "Answer:";  ///< what parsing looks for
  int max_new_tokens = 20;
  bool one_line = false;       ///< the answer ends with its line
  Json item = Json::object();  ///< of a HELMET file: fields that its scorers want back

  /// What the model reads before any chat template.
  std::string prompt(bool chat) const { return chat ? text : text + joint + lead; }
};

/// The part of a response that counts: the first line where answers are one line.
std::string counted_response(const SuiteSample& sample, std::string_view response);

/// Score of a response in [0,1]; NaN where it needs a judge. As HELMET does, a completion is scored
/// together with its lead.
double suite_score(const SuiteSample& sample, std::string_view response, bool chat);

/// What HELMET's scorers know as "output" and "parsed_output".
struct SuiteOutput {
  std::string output;
  Json parsed;
};
SuiteOutput suite_output(const SuiteSample& sample, std::string_view response, bool chat);

/// A line of `suite-data`: every piece of the prompt, answers, spans, metric.
Json to_json(const SuiteSample& sample, bool chat);

}  // namespace headscope
