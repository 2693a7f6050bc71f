#include "core/suite/sample.h"

#include <algorithm>
#include <limits>

#include "core/analysis/helmet_metrics.h"

namespace headscope {
namespace {

Json spans_json(const std::vector<ByteSpan>& spans) {
  Json list = Json::array();
  for (const ByteSpan& span : spans) list.push_back({span.begin, span.end});
  return list;
}

std::string part(const SuiteSample& sample, ByteSpan span) {
  return sample.text.substr(span.begin, span.end - span.begin);
}

// HELMET takes the better of the whole output and of what is parsed from it.
double better(const SuiteSample& sample, const std::string& output, const auto& score) {
  return std::max(score(output, sample.answers),
                  score(parsed_answer(output, sample.prefix), sample.answers));
}

}  // namespace

std::string metric_name(SuiteMetric metric) {
  switch (metric) {
    case SuiteMetric::substring_match:
      return "substring_exact_match";
    case SuiteMetric::exact_match:
    case SuiteMetric::choice:
      return "exact_match";
    case SuiteMetric::answer_recall:
      return "ruler_recall";
    case SuiteMetric::ndcg_10:
      return "NDCG@10";
    case SuiteMetric::rouge_l:
      return "rougeL_f1";
    case SuiteMetric::needs_judge:
      break;
  }
  return "needs a judge";
}

std::string counted_response(const SuiteSample& sample, std::string_view response) {
  return std::string(sample.one_line ? response.substr(0, response.find('\n')) : response);
}

SuiteOutput suite_output(const SuiteSample& sample, std::string_view response, bool chat) {
  SuiteOutput result;
  result.output = (chat ? "" : sample.lead) + counted_response(sample, response);
  switch (sample.metric) {
    case SuiteMetric::answer_recall:
      result.parsed = result.output;
      break;
    case SuiteMetric::ndcg_10:
      result.parsed = parsed_ranking(result.output);
      break;
    default:
      result.parsed = parsed_answer(result.output, sample.prefix);
  }
  return result;
}

double suite_score(const SuiteSample& sample, std::string_view response, bool chat) {
  const std::string output = suite_output(sample, response, chat).output;
  switch (sample.metric) {
    case SuiteMetric::substring_match:
      return better(sample, output, substring_exact_match);
    case SuiteMetric::exact_match:
      return exact_match(parsed_answer(output, sample.prefix), sample.answers);
    case SuiteMetric::answer_recall:
      return answer_recall(output, sample.answers);
    case SuiteMetric::ndcg_10:
      return ndcg_at(parsed_ranking(output), sample.relevance, 10);
    case SuiteMetric::rouge_l:
      return better(sample, output, rouge_l_f1);
    case SuiteMetric::choice:
      return choice_match(output, sample.answers);
    case SuiteMetric::needs_judge:
      break;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

Json to_json(const SuiteSample& sample, bool chat) {
  Json line = {{"task", sample.task},
               {"category", sample.category},
               {"index", sample.index},
               {"prompt", sample.prompt(chat)},
               {"context", part(sample, sample.context)},
               {"demos", part(sample, sample.demos)},
               {"question", sample.question},
               {"answers", sample.answers},
               {"gold", spans_json(sample.gold)},
               {"others", spans_json(sample.others)},
               {"metric", metric_name(sample.metric)},
               {"max_new_tokens", sample.max_new_tokens}};
  if (!sample.relevance.empty()) line["relevance"] = sample.relevance;
  return line;
}

}  // namespace headscope
