// The rules of a study: verdicts, their statistics, grids and data, and what the report escapes.
// links: headscope_study headscope_demo_world headscope_analysis headscope_text
#include <doctest/doctest.h>

#include <cmath>
#include <pugixml.hpp>
#include <set>

#include "core/analysis/statistics.h"
#include "core/base/file.h"
#include "core/study/data.h"
#include "core/study/html.h"
#include "core/study/judge.h"
#include "core/study/numbers.h"
#include "core/study/results.h"
#include "core/study/settings.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using namespace headscope::study;

namespace {

// `gained` samples got right, `lost` wrong, the others stayed as they were.
std::vector<double> outcomes(int gained, int lost, int same) {
  std::vector<double> differences(static_cast<std::size_t>(gained), 1.0);
  differences.insert(differences.end(), static_cast<std::size_t>(lost), -1.0);
  differences.insert(differences.end(), static_cast<std::size_t>(same), 0.0);
  return differences;
}

Rule rule_of(Test test, double threshold = 0, std::int64_t least = 30) {
  return {"C", "claim", "source", "text", test, threshold, least};
}

Evidence paired(std::vector<double> differences) {
  Evidence evidence;
  evidence.paired.push_back({"", std::move(differences)});
  return evidence;
}

Evidence number(double value, std::int64_t n) {
  Evidence evidence;
  evidence.value = value;
  evidence.n = n;
  return evidence;
}

Judgement judge_one(const Rule& rule, const Evidence& evidence) {
  const std::vector<Rule> rules{rule};
  const std::vector<Evidence> found{evidence};
  return judge(rules, found).front();
}

Verdict verdict_of(const Rule& rule, const Evidence& evidence) {
  return judge_one(rule, evidence).verdict;
}

}  // namespace

TEST_CASE(
    "a paired test confirms only a difference of the claimed sign that chance does not give") {
  const Rule rule = rule_of(Test::mcnemar);
  const Judgement clear = judge_one(rule, paired(outcomes(20, 2, 28)));
  CHECK(clear.verdict == Verdict::confirmed);
  CHECK(clear.n == 50);
  CHECK(*clear.effect == doctest::Approx(18.0 / 50));
  CHECK(*clear.p == doctest::Approx(mcnemar_exact(20, 2)));
  CHECK(*clear.low < *clear.effect);
  CHECK(*clear.high > *clear.effect);
  CHECK(verdict_of(rule, paired(outcomes(2, 20, 28))) == Verdict::not_confirmed);
  CHECK(verdict_of(rule, paired(outcomes(4, 2, 44))) == Verdict::not_confirmed);
  CHECK(verdict_of(rule, paired(outcomes(0, 0, 50))) == Verdict::not_confirmed);
}

TEST_CASE("too few samples, no samples and an unmet condition are not testable") {
  const Rule rule = rule_of(Test::mcnemar);
  CHECK(verdict_of(rule, paired(outcomes(29, 0, 0))) == Verdict::not_testable);
  CHECK(verdict_of(rule, paired(outcomes(30, 0, 0))) == Verdict::confirmed);
  CHECK(verdict_of(rule, paired({})) == Verdict::not_testable);
  CHECK(verdict_of(rule_of(Test::no_gain, 0.05, 0), paired({})) == Verdict::not_testable);
  CHECK(verdict_of(rule, Evidence{}) == Verdict::not_testable);
  Evidence refused = paired(outcomes(40, 0, 0));
  refused.untestable = "the model has 4 layers";
  const Judgement judgement = judge_one(rule, refused);
  CHECK(judgement.verdict == Verdict::not_testable);
  CHECK(judgement.reason == "the model has 4 layers");
  CHECK_FALSE(judgement.p.has_value());
  const auto without_evidence = judge(std::vector<Rule>{rule}, std::vector<Evidence>{});
  CHECK(without_evidence.front().verdict == Verdict::not_testable);
}

TEST_CASE("p values of the tested claims are corrected together, those of others are not counted") {
  const std::vector<Rule> rules{rule_of(Test::mcnemar), rule_of(Test::at_least, 0.1),
                                rule_of(Test::mcnemar), rule_of(Test::mcnemar),
                                rule_of(Test::mcnemar)};
  Evidence untested = paired(outcomes(40, 0, 0));
  untested.untestable = "no";
  const std::vector<Evidence> evidence{paired(outcomes(9, 1, 40)), number(0.2, 100),
                                       paired(outcomes(12, 1, 40)), untested,
                                       paired(outcomes(7, 1, 40))};
  const auto judgements = judge(rules, evidence);
  // Exact two-sided binomial: 22/1024, 28/8192, 18/256.
  CHECK(*judgements[0].p == doctest::Approx(22.0 / 1024));
  CHECK(*judgements[2].p == doctest::Approx(28.0 / 8192));
  CHECK(*judgements[4].p == doctest::Approx(18.0 / 256));
  CHECK(*judgements[0].adjusted_p == doctest::Approx(2 * 22.0 / 1024));
  CHECK(*judgements[2].adjusted_p == doctest::Approx(3 * 28.0 / 8192));
  CHECK(*judgements[4].adjusted_p == doctest::Approx(18.0 / 256));
  CHECK(judgements[0].verdict == Verdict::confirmed);
  CHECK(judgements[1].verdict == Verdict::confirmed);
  CHECK(judgements[3].verdict == Verdict::not_testable);
  CHECK(judgements[4].verdict == Verdict::not_confirmed);
}

TEST_CASE("a claim of two comparisons needs both") {
  Evidence both = paired(outcomes(20, 2, 28));
  both.paired.push_back({"second", outcomes(5, 4, 41)});
  const Judgement judgement = judge_one(rule_of(Test::mcnemar), both);
  CHECK(judgement.verdict == Verdict::not_confirmed);
  CHECK(*judgement.p == doctest::Approx(mcnemar_exact(5, 4)));
  CHECK(*judgement.effect == doctest::Approx(1.0 / 50));
  both.paired.back().differences = outcomes(2, 20, 28);
  CHECK(verdict_of(rule_of(Test::mcnemar), both) == Verdict::not_confirmed);
}

TEST_CASE("intervals decide what must not gain, must not lose, or must be above zero") {
  // Mean 0 with a narrow interval, and the same shifted.
  const auto shifted = [](double by) {
    std::vector<double> values;
    for (int i = 0; i < 100; ++i) values.push_back(by + (i % 2 == 0 ? 0.05 : -0.05));
    return paired(values);
  };
  CHECK(verdict_of(rule_of(Test::no_gain, 0.05), shifted(0)) == Verdict::confirmed);
  CHECK(verdict_of(rule_of(Test::no_gain, 0.05), shifted(-0.5)) == Verdict::confirmed);
  CHECK(verdict_of(rule_of(Test::no_gain, 0.05), shifted(0.049)) == Verdict::not_confirmed);
  CHECK(verdict_of(rule_of(Test::not_worse, 0.05), shifted(0)) == Verdict::confirmed);
  CHECK(verdict_of(rule_of(Test::not_worse, 0.05), shifted(-0.049)) == Verdict::not_confirmed);
  Evidence interval = number(0.3, 100);
  CHECK(verdict_of(rule_of(Test::above_zero), interval) == Verdict::not_testable);
  interval.low = 0.1;
  interval.high = 0.5;
  CHECK(verdict_of(rule_of(Test::above_zero), interval) == Verdict::confirmed);
  interval.low = 0;
  CHECK(verdict_of(rule_of(Test::above_zero), interval) == Verdict::not_confirmed);
}

TEST_CASE("a number at its threshold holds; one that is not finite was not measured") {
  CHECK(verdict_of(rule_of(Test::at_least, 0.5), number(0.5, 30)) == Verdict::confirmed);
  CHECK(verdict_of(rule_of(Test::at_least, 0.5), number(0.499, 30)) == Verdict::not_confirmed);
  CHECK(verdict_of(rule_of(Test::at_most, 0.5), number(0.5, 30)) == Verdict::confirmed);
  CHECK(verdict_of(rule_of(Test::at_most, 0.5), number(0.501, 30)) == Verdict::not_confirmed);
  CHECK(verdict_of(rule_of(Test::at_most, 0.5), number(0.1, 29)) == Verdict::not_testable);
  CHECK(verdict_of(rule_of(Test::at_most, 0.5), number(NAN, 30)) == Verdict::not_testable);
}

TEST_CASE("randomisation tests agree with enumeration") {
  constexpr int draws = 40000;
  const std::vector<std::int64_t> whole{3, 1, -2, 4, 2, 0, 5, -1, 2, 3};
  const std::vector<double> differences(whole.begin(), whole.end());
  const double exact = sign_flip_exact(whole);
  const double deviation = std::sqrt(exact * (1 - exact) / draws);
  CHECK(std::abs(sign_flip_test(differences, draws, 5) - exact) < 5 * deviation);
  CHECK(sign_flip_test(differences, draws, 5) == sign_flip_test(differences, draws, 5));
  CHECK(sign_flip_test(std::vector<double>(20, 0.0), 100, 0) == 1);
  // Of the 20 ways to divide 1..6 in halves, two are as far apart as {1,2,3} and {4,5,6}.
  const std::vector<double> low{1, 2, 3}, high{4, 5, 6};
  const double p = permutation_test(high, low, draws, 7);
  CHECK(std::abs(p - 0.1) < 5 * std::sqrt(0.1 * 0.9 / draws));
  CHECK(permutation_test(high, {}, draws, 7) == 1);
}

TEST_CASE("groups: the claim is that the first is above the second") {
  Evidence evidence;
  for (int i = 0; i < 40; ++i) evidence.first.push_back(0.2 + 0.001 * i);
  for (int i = 0; i < 12; ++i) evidence.second.push_back(0.1 + 0.001 * i);
  const Rule rule = rule_of(Test::two_groups, 0, 10);
  const Judgement judgement = judge_one(rule, evidence);
  CHECK(judgement.verdict == Verdict::confirmed);
  CHECK(judgement.n == 52);
  std::swap(evidence.first, evidence.second);
  CHECK(verdict_of(rule, evidence) == Verdict::not_confirmed);
  evidence.first.resize(9);
  CHECK(verdict_of(rule, evidence) == Verdict::not_testable);
}

TEST_CASE("every claim has a rule in words and an id of its own") {
  std::set<std::string> ids;
  for (const Rule& rule : claims(Settings{})) {
    CHECK(ids.insert(rule.id).second);
    CHECK(rule.text.size() > 40);
    CHECK_FALSE(rule.claim.empty());
    CHECK_FALSE(rule.source.empty());
  }
  CHECK(ids.size() >= 20);
}

TEST_CASE("settings are clipped to the model and the documents, and hold their defaults") {
  Settings settings;
  settings.top_k = 5;
  settings.taus = {0.4};
  const Settings complete = completed(settings, 32, 10);
  CHECK(complete.top_ks == std::vector<int>{1, 5, 10, 20, 30, 32});
  CHECK(complete.gold_positions == std::vector<std::size_t>{0, 4, 9});
  CHECK(complete.taus == std::vector<double>{0.1, 0.4});
  CHECK(completed(settings, 3, 1).top_k == 3);
}

TEST_CASE("the grid has every cell a claim asks for, and focus controls at the defaults alone") {
  Settings settings;
  settings.top_k = 5;
  settings = completed(settings, 32, 20);
  std::vector<HeadId> ranking;
  for (int layer = 0; layer < 4; ++layer)
    for (int head = 0; head < 8; ++head) ranking.push_back({layer, head});
  const auto grid = main_grid(settings, ranking, 4, 8);
  REQUIRE(grid);
  const auto has = [&](const SweepCell& cell) {
    return std::find(grid->cells.begin(), grid->cells.end(), cell) != grid->cells.end();
  };
  for (const auto kind : {PromptKind::all, PromptKind::gold_only, PromptKind::no_gold})
    CHECK(has(baseline_cell(kind)));
  CHECK(has(split_cell(0.1, 5)));
  CHECK(has(focus_cell(0.3, 5)));
  CHECK(has(focus_cell(-0.5, 5)));
  const auto controls_off_the_cross = [](const SweepGrid& all) {
    return std::ranges::count_if(all.cells, [](const SweepCell& cell) {
      return cell.is_control() && cell.alpha && cell.alpha != 0.3 && cell.top_k != 5;
    });
  };
  CHECK(controls_off_the_cross(*grid) == 0);
  settings.every_control = true;
  CHECK(controls_off_the_cross(*main_grid(settings, ranking, 4, 8)) > 200);
  const auto positions = position_grid(settings, ranking, 4, 8);
  REQUIRE(positions);
  CHECK(positions->cells.size() == 3 * settings.gold_positions.size());
}

TEST_CASE("the embedded world gives both parts, the same from a seed") {
  test::TemporaryFolder temporary;
  const Folder folder(temporary.path());
  Settings settings;
  settings.samples = 12;
  const auto data = embedded_data(folder, settings);
  REQUIRE(data);
  CHECK(data->train.size() == 12);
  CHECK(data->test.size() == 12);
  CHECK(data->documents == 20);
  for (const QaSample& sample : data->train)
    CHECK(part_of_question(sample.question) == DataPart::train);
  for (const QaSample& sample : data->test)
    CHECK(part_of_question(sample.question) == DataPart::test);
  std::filesystem::remove(folder.data());
  CHECK(embedded_data(folder, settings)->source.sha256 == data->source.sha256);
}

namespace {

SuiteTableRow suite_row(const char* task, std::int64_t length, const char* method, double value) {
  SuiteTableRow row;
  row.model = "m";
  row.task = task;
  row.method = method;
  row.length = length;
  row.n = 130;
  row.value = value;
  return row;
}

// Two tasks and their average at `length`, without and with directions that gain this.
void add_suites(SuiteCheck& check, std::int64_t length, Interval gain) {
  for (const char* task : {"rag_qa", "json_kv", suite_average}) {
    check.rows.push_back(suite_row(task, length, suite_baseline, 0.5));
    check.rows.push_back(suite_row(task, length, "focus alpha 0.3", 0.6));
    const bool average = std::string(task) == suite_average;
    check.rows.back().difference = average ? (gain.low + gain.high) / 2 : -1;
    check.rows.back().difference_interval = average ? gain : Interval{-1, -1};
  }
}

Judgement long_contexts(const Results& results) {
  std::vector<Rule> rules = claims(results.study.settings);
  std::erase_if(rules, [](const Rule& rule) { return rule.id != "C24"; });
  return judge(rules, collect_evidence(rules, results)).front();
}

}  // namespace

TEST_CASE("long contexts: the average over tasks, at every length that is long, decides") {
  Results results;
  results.study.settings.suite_lengths = {1024, 32768, 65536};
  results.study.model.context_length = 131072;
  results.suites.emplace();
  SuiteCheck& suites = *results.suites;
  add_suites(suites, 1024, {-0.5, -0.3});  // too short to count
  add_suites(suites, 32768, {0.02, 0.1});
  add_suites(suites, 65536, {0.01, 0.2});
  Judgement found = long_contexts(results);
  CHECK(found.verdict == Verdict::confirmed);
  CHECK(found.n == 130);
  CHECK(*found.low == 0.01);
  suites.rows.erase(suites.rows.end() - 6, suites.rows.end());
  add_suites(suites, 65536, {-0.01, 0.2});
  CHECK(long_contexts(results).verdict == Verdict::not_confirmed);
  // A length without scores decides nothing in silence.
  suites.rows.erase(suites.rows.end() - 6, suites.rows.end());
  found = long_contexts(results);
  CHECK(found.verdict == Verdict::not_testable);
  CHECK(found.reason.find("no task gave scores") != std::string::npos);
  // One task stands for itself.
  results.study.settings.suite_lengths = {32768};
  std::erase_if(suites.rows, [](const SuiteTableRow& row) { return row.task != "rag_qa"; });
  found = long_contexts(results);
  CHECK(found.verdict == Verdict::not_confirmed);
  CHECK(*found.effect == -1);
}

TEST_CASE("long contexts that a model or a study does not reach are not testable, by name") {
  Results results;
  results.study.model.context_length = 1024;
  CHECK(long_contexts(results).reason.find("left out") != std::string::npos);
  results.suites.emplace();
  add_suites(*results.suites, 1024, {0.1, 0.2});
  CHECK(suite_lengths_for(results.study.settings, 1024) ==
        std::vector<std::int64_t>{256, 512, 1024});
  Judgement found = long_contexts(results);
  CHECK(found.verdict == Verdict::not_testable);
  CHECK(found.reason.find("context ends at 1024") != std::string::npos);
  results.study.model.context_length = 131072;
  results.study.settings.suite_lengths = {512, 1024};
  CHECK(suite_lengths_for(results.study.settings, 600) == std::vector<std::int64_t>{512});
  found = long_contexts(results);
  CHECK(found.verdict == Verdict::not_testable);
  CHECK(found.reason.find("longest of the suites has 1024") != std::string::npos);
  Settings without;
  without.suite_samples = 0;
  CHECK(completed(without, 8, 20).suite_lengths.empty());
  CHECK(suite_lengths_for(completed(without, 8, 20), 600).empty());
}

TEST_CASE("what suites left is read back as it was") {
  SuiteCheck check;
  check.study = "s";
  check.complete = true;
  add_suites(check, 1024, {0.1, 0.2});
  check.left_out = {{"rerank", 1024, "too short"}};
  const auto back = suite_check_from(to_json(check), "suite.json");
  REQUIRE(back);
  CHECK(to_json(*back) == to_json(check));
  Json damaged = to_json(check);
  damaged["left_out"][0].erase("reason");
  CHECK(suite_check_from(damaged, "suite.json").error().message.find("reason") !=
        std::string::npos);
}

TEST_CASE("gold documents at one place are spread, in both parts") {
  test::TemporaryFolder temporary;
  std::vector<QaSample> samples(60);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i].question = "question " + std::to_string(i);
    samples[i].answers = {"a"};
    samples[i].documents.resize(6);
    samples[i].documents[4].gold = true;
  }
  REQUIRE(write_dataset(temporary / "d.jsonl", samples));
  const auto data = data_from(temporary / "d.jsonl", Settings{});
  REQUIRE(data);
  CHECK(gold_positions_of(data->train).size() > 1);
  CHECK(gold_positions_of(data->test).size() > 1);
  REQUIRE(data->notes.size() == 1);
  CHECK(data->notes.front().find("position 4") != std::string::npos);
}

TEST_CASE("a folder takes one study alone and says what differs") {
  test::TemporaryFolder temporary;
  const Folder folder(temporary.path());
  Study study;
  study.passport = new_passport();
  study.passport.data = "a.jsonl";
  REQUIRE(folder.adopt(study));
  REQUIRE(folder.adopt(study));
  study.passport.data = "renamed.jsonl";
  CHECK(folder.adopt(study));
  study.settings.samples = 7;
  const auto refused = folder.adopt(study);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::bad_input);
  CHECK(refused.error().message.find("settings/samples is 150 there, 7 now") != std::string::npos);
}

TEST_CASE("differences are paired by sample; what one side lacks is left out") {
  const auto sample = [](std::int64_t index, bool correct, double sink) {
    EvaluatedSample s;
    s.index = index;
    s.correct = correct;
    s.sink_mass = sink;
    return s;
  };
  const std::vector<EvaluatedSample> a{sample(3, true, 0.5), sample(1, false, NAN),
                                       sample(2, true, 0.2)};
  const std::vector<EvaluatedSample> b{sample(1, true, 0.1), sample(3, false, 0.1),
                                       sample(9, true, 0.1)};
  CHECK(paired_differences(a, b, exact_match) == std::vector<double>{1, -1});
  const auto sinks = paired_differences(a, b, sink_mass);
  REQUIRE(sinks.size() == 1);
  CHECK(sinks[0] == doctest::Approx(0.4));
}

TEST_CASE("whatever is text is escaped, and elements are closed as HTML closes them") {
  HtmlDocument html("a <b> & \"c\"", "p { color: red; }");
  const std::string nasty = "</td><script>alert('&amp;')</script>\x01 \xff ü";
  html.body.add("p", nasty, "x\"y");
  html.body.add("div");
  REQUIRE(html.body.drawing("<?xml version=\"1.0\"?><svg xmlns=\"u\"><g/></svg>", "light"));
  CHECK_FALSE(html.body.drawing("<svg", "light"));
  const std::string text = html.written();
  CHECK(text.starts_with("<!DOCTYPE html>"));
  CHECK(text.find("<script") == std::string::npos);
  CHECK(text.find("<div/>") == std::string::npos);
  CHECK(text.find("<div></div>") != std::string::npos);
  CHECK(text.find("<svg xmlns=\"u\" class=\"light\">") != std::string::npos);
  pugi::xml_document parsed;
  REQUIRE(parsed.load_string(text.c_str(), pugi::parse_default | pugi::parse_doctype));
  const std::string shown = parsed.child("html").child("body").child("p").text().get();
  CHECK(shown.starts_with("</td><script>alert('&amp;')</script>"));
  CHECK(shown.ends_with("ü"));
}

TEST_CASE("numbers as reports show them") {
  CHECK(fixed_number(0.58349) == "0.583");
  CHECK(signed_number(0.4) == "+0.400");
  CHECK(signed_number(-0.0251) == "−0.025");
  CHECK(signed_number(-0.0001) == "0.000");
  CHECK(fixed_number(NAN) == "–");
  CHECK(p_number(0.0009) == "< 0.001");
  CHECK(p_number(0.031) == "0.031");
  CHECK(head_list({{1, 2}, {0, 3}}) == "[1,2] [0,3]");
}
