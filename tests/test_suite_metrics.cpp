// links: headscope_analysis
// Metrics of suites against rouge_score, NLTK, pytrec_eval and HELMET's regular expressions
// (tests/goldens/make_suite_metric_goldens.py).
#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "core/analysis/helmet_metrics.h"
#include "core/analysis/metrics.h"
#include "core/analysis/porter_stemmer.h"
#include "core/analysis/rouge.h"
#include "core/base/json.h"
#include "tests/resources.h"

using namespace headscope;

namespace {

const Json& goldens(const char* key) {
  static const auto read =
      read_json_file(test::source_folder() / "tests/goldens/suite_metrics.json");
  REQUIRE(read);
  REQUIRE((*read)[key].size() > 40);
  return (*read)[key];
}

}  // namespace

TEST_CASE("stems equal NLTK's") {
  for (const auto& entry : goldens("stems")) {
    CAPTURE(entry[0].get<std::string>());
    CHECK(porter_stem(entry[0].get<std::string>()) == entry[1].get<std::string>());
  }
}

TEST_CASE("ROUGE-L equals rouge_score's") {
  for (const auto& entry : goldens("rouge")) {
    CAPTURE(entry.dump());
    const RougeScore score = rouge_l(entry[0].get<std::string>(), entry[1].get<std::string>());
    CHECK(score.precision == doctest::Approx(entry[2].get<double>()).epsilon(1e-12));
    CHECK(score.recall == doctest::Approx(entry[3].get<double>()).epsilon(1e-12));
    CHECK(score.f1 == doctest::Approx(entry[4].get<double>()).epsilon(1e-12));
  }
  CHECK(rouge_l_f1("a b c", {"x", "a b c"}) == 1);
  CHECK(rouge_l_f1("a", {}) == 0);
}

TEST_CASE("answers are parsed as HELMET's regular expressions do") {
  for (const auto& entry : goldens("answers")) {
    CAPTURE(entry.dump());
    CHECK(parsed_answer(entry[0].get<std::string>(), entry[1].get<std::string>()) ==
          entry[2].get<std::string>());
  }
}

TEST_CASE("exact match, substring match and recall") {
  for (const auto& entry : goldens("matches")) {
    CAPTURE(entry.dump());
    const auto output = entry[0].get<std::string>();
    const std::vector<std::string> answers{entry[1].get<std::string>()};
    CHECK(exact_match(output, answers) == entry[2].get<double>());
    CHECK(substring_exact_match(output, answers) == entry[3].get<double>());
    CHECK(answer_recall(output, answers) == entry[4].get<double>());
  }
  CHECK(answer_recall("12 and 34", {"12", "56", "34", "78"}) == 0.5);
  CHECK(exact_match("x", {}) == 0);
}

TEST_CASE("a choice is its letter, or its text with the letter") {
  const std::vector<std::string> answers{"B", "B. The river"};
  CHECK(choice_match("B", answers) == 1);
  CHECK(choice_match("Answer: b.", answers) == 1);
  CHECK(choice_match("I think it is B. The River, because", answers) == 1);
  CHECK(choice_match("C", answers) == 0);
  CHECK(choice_match("B or C", answers) == 0);
  CHECK(choice_match("The river", answers) == 0);
}

TEST_CASE("rankings and NDCG equal pytrec_eval's") {
  for (const auto& entry : goldens("ndcg")) {
    CAPTURE(entry.dump());
    const auto ranking = parsed_ranking(entry[0].get<std::string>());
    CHECK(ranking == entry[1].get<std::vector<std::string>>());
    const auto grades = entry[2].get<std::map<std::string, int>>();
    for (const auto& cut : entry[3]) {
      CHECK(ndcg_at(ranking, grades, cut[0].get<std::size_t>()) ==
            doctest::Approx(cut[1].get<double>()).epsilon(1e-9));
    }
  }
  CHECK(ndcg_at({"1"}, {}, 10) == 0);
}
