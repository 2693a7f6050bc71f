// The report of a study: one HTML file that needs nothing else.
#pragma once

#include <string>
#include <vector>

#include "core/study/drawings.h"
#include "core/study/judge.h"
#include "core/study/results.h"

namespace headscope::study {

/// Judged claims, in the order of the rules.
struct JudgedClaims {
  std::vector<Rule> rules;
  std::vector<Evidence> evidence;
  std::vector<Judgement> judgements;
};
/// The study's rules on its own results.
JudgedClaims judge_study(const Results& results);

/// verdicts.json: rule, measured numbers and judgement of every claim.
Json to_json(const JudgedClaims& claims);

/// The document, with figures inlined in both themes. It holds no time and no path: the same
/// results give the same bytes.
Result<std::string> report_html(const Results& results, const JudgedClaims& claims,
                                const std::vector<Drawing>& drawings);

}  // namespace headscope::study
