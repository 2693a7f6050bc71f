// Paired tests against scipy, statsmodels and numpy (tests/goldens/make_paired_goldens.py), and
// the rows that a sweep's folder gives.
// links: headscope_sweep
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "core/analysis/statistics.h"
#include "core/base/file.h"
#include "core/sweep/sweep_paired.h"
#include "tests/resources.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using headscope::test::TemporaryFolder;

namespace {

const Json& goldens() {
  static const auto read = read_json_file(test::source_folder() / "tests/goldens/paired.json");
  REQUIRE(read);
  return *read;
}

const Json& outcomes() {
  return goldens()["sweep"]["outcomes"];
}

SweepCell split(double tau, CellHeads heads = CellHeads::contextual,
                std::optional<std::uint64_t> seed = std::nullopt) {
  SweepCell cell;
  cell.method = SweepMethod::split_softmax;
  cell.tau = tau;
  cell.top_k = 5;
  cell.heads = heads;
  cell.seed = seed;
  return cell;
}

SweepCell baseline(PromptKind prompt = PromptKind::all) {
  SweepCell cell;
  cell.prompt = prompt;
  return cell;
}

CellSamples cell_of(const SweepCell& cell, const std::string& name) {
  CellSamples made{cell, {}};
  for (std::size_t i = 0; i < outcomes()[name].size(); ++i) {
    EvaluatedSample sample;
    sample.index = static_cast<std::int64_t>(i);
    sample.question = "question " + std::to_string(i);
    sample.correct = outcomes()[name][i] == 1;
    made.samples.push_back(std::move(sample));
  }
  return made;
}

std::vector<CellSamples> golden_sweep() {
  std::vector<CellSamples> cells{cell_of(baseline(), "baseline"),
                                 cell_of(baseline(PromptKind::gold_only), "gold"),
                                 cell_of(split(0.1), "tau0.1"), cell_of(split(0.4), "tau0.4")};
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    cells.push_back(cell_of(split(0.1, CellHeads::random, seed), "random" + std::to_string(seed)));
  }
  // Another file order than the samples': pairs are found by index and question.
  std::reverse(cells[2].samples.begin(), cells[2].samples.end());
  return cells;
}

const PairedRow& row_of(const std::vector<PairedRow>& rows, const SweepCell& cell,
                        PairedAgainst against) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const PairedRow& row) {
    return row.cell == cell && row.against == against;
  });
  REQUIRE(found != rows.end());
  return *found;
}

}  // namespace

TEST_CASE("McNemar's exact test equals scipy's binomial test") {
  for (const auto& entry : goldens()["mcnemar"])
    CHECK(mcnemar_exact(entry[0], entry[1]) ==
          doctest::Approx(entry[2].get<double>()).epsilon(1e-9));
}

TEST_CASE("interval of the difference of paired proportions") {
  for (const auto& entry : goldens()["newcombe"]) {
    const PairCounts counts{entry[0], entry[1], entry[2], entry[3]};
    const Interval interval = newcombe_paired_interval(counts);
    CAPTURE(entry.dump());
    CHECK(interval.low == doctest::Approx(entry[4].get<double>()).epsilon(1e-9));
    CHECK(interval.high == doctest::Approx(entry[5].get<double>()).epsilon(1e-9));
    const Interval other = newcombe_paired_interval(
        {counts.both, counts.only_second, counts.only_first, counts.neither});
    CHECK(other.low == doctest::Approx(-interval.high));
    CHECK(other.high == doctest::Approx(-interval.low));
  }
  // Published: Fagerland, Lydersen and Laake (2014) on the data of Bentur et al. (2009).
  const Interval published = newcombe_paired_interval({1, 1, 7, 12});
  CHECK(published.low == doctest::Approx(-0.507).epsilon(0.001));
  CHECK(published.high == doctest::Approx(-0.026).epsilon(0.02));
  CHECK(std::isnan(newcombe_paired_interval({}).low));
}

TEST_CASE(
    "sign-flip test: all signs, as scipy counts them; McNemar's where differences are single") {
  for (const auto& entry : goldens()["sign_flip"]) {
    const auto differences = entry[0].get<std::vector<std::int64_t>>();
    CAPTURE(entry.dump());
    CHECK(sign_flip_exact(differences) == doctest::Approx(entry[1].get<double>()).epsilon(1e-12));
  }
  std::vector<std::int64_t> single(150, 0);
  std::fill_n(single.begin(), 31, 1);
  std::fill_n(single.begin() + 31, 12, -1);
  CHECK(sign_flip_exact(single) == doctest::Approx(mcnemar_exact(31, 12)).epsilon(1e-9));
  CHECK(sign_flip_exact({}) == 1);
}

TEST_CASE("Holm's adjustment equals statsmodels'") {
  const auto p_values = goldens()["holm"][0].get<std::vector<double>>();
  const auto adjusted = holm_adjusted(p_values);
  REQUIRE(adjusted.size() == p_values.size());
  for (std::size_t i = 0; i < adjusted.size(); ++i)
    CHECK(adjusted[i] == doctest::Approx(goldens()["holm"][1][i].get<double>()));
  CHECK(holm_adjusted({}).empty());
}

TEST_CASE("every cell against the baseline, sample by sample") {
  const auto rows = paired_tests(golden_sweep());
  const auto expected = goldens()["sweep"]["rows"];
  const auto check = [&](const SweepCell& cell, const std::string& name) {
    const PairedRow& row = row_of(rows, cell, PairedAgainst::baseline);
    const Json& wanted = expected[name];
    CAPTURE(name);
    CHECK(row.n == wanted["n"]);
    CHECK(row.draws == 1);
    CHECK(row.only_cell == wanted["only_cell"]);
    CHECK(row.only_other == wanted["only_other"]);
    CHECK(row.em == doctest::Approx(wanted["em"].get<double>()));
    CHECK(row.em_other == doctest::Approx(wanted["em_other"].get<double>()));
    CHECK(row.difference == doctest::Approx(wanted["difference"].get<double>()));
    CHECK(row.low == doctest::Approx(wanted["interval"][0].get<double>()));
    CHECK(row.high == doctest::Approx(wanted["interval"][1].get<double>()));
    CHECK(row.p == doctest::Approx(wanted["p"].get<double>()).epsilon(1e-9));
    return row.p_holm;
  };
  CHECK(check(split(0.1), "tau0.1") ==
        doctest::Approx(goldens()["sweep"]["holm"][0].get<double>()));
  CHECK(check(split(0.4), "tau0.4") ==
        doctest::Approx(goldens()["sweep"]["holm"][1].get<double>()));
  CHECK(std::isnan(check(baseline(PromptKind::gold_only), "gold")));
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    CHECK(std::isnan(check(split(0.1, CellHeads::random, seed), "random" + std::to_string(seed))));
  }
  CHECK(row_of(rows, split(0.1), PairedAgainst::gold_only).em_other ==
        doctest::Approx(expected["gold"]["em"].get<double>()));
}

TEST_CASE("contextual heads against the mean of the random draws") {
  const auto rows = paired_tests(golden_sweep());
  const PairedRow& row = row_of(rows, split(0.1), PairedAgainst::random_heads);
  const Json& wanted = goldens()["sweep"]["pooled"];
  CHECK(row.draws == 3);
  CHECK(row.n == 40);
  CHECK(row.em == doctest::Approx(wanted["em"].get<double>()));
  CHECK(row.em_other == doctest::Approx(wanted["em_other"].get<double>()));
  CHECK(row.difference == doctest::Approx(wanted["difference"].get<double>()));
  CHECK(row.only_cell == wanted["only_cell"]);
  CHECK(row.only_other == wanted["only_other"]);
  CHECK(row.p == doctest::Approx(wanted["p"].get<double>()).epsilon(1e-9));
  // Another generator's draws: equal up to their noise.
  CHECK(std::abs(row.low - wanted["interval"][0].get<double>()) < 0.015);
  CHECK(std::abs(row.high - wanted["interval"][1].get<double>()) < 0.015);
  const auto of_control = [](const PairedRow& r) {
    return r.against == PairedAgainst::random_heads && r.cell != split(0.1);
  };
  CHECK(std::none_of(rows.begin(), rows.end(), of_control));  // tau 0.4 has no draws
}

TEST_CASE("random directions control focus; a moved gold document is compared with its like") {
  SweepCell focus = split(0.1);
  focus.method = SweepMethod::focus;
  focus.tau.reset();
  focus.alpha = 0.3;
  SweepCell directions = focus;
  directions.method = SweepMethod::random_directions;
  directions.seed = 4;
  SweepCell moved = focus, moved_baseline = baseline();
  moved.gold_position = moved_baseline.gold_position = 9;
  const auto rows = paired_tests({cell_of(focus, "tau0.1"), cell_of(directions, "random0"),
                                  cell_of(moved, "tau0.4"), cell_of(moved_baseline, "gold")});
  REQUIRE(rows.size() == 2);
  CHECK(row_of(rows, focus, PairedAgainst::random_directions).draws == 1);
  CHECK(row_of(rows, moved, PairedAgainst::baseline).em_other ==
        doctest::Approx(goldens()["sweep"]["rows"]["gold"]["em"].get<double>()));
}

TEST_CASE("samples that only one side has are left out; none in common is no row") {
  auto cells = golden_sweep();
  cells[2].samples.resize(10);
  CHECK(row_of(paired_tests(cells), split(0.1), PairedAgainst::baseline).n == 10);
  CHECK(row_of(paired_tests(cells), split(0.1), PairedAgainst::random_heads).n == 10);
  for (EvaluatedSample& sample : cells[2].samples) sample.question = "another";
  for (const PairedRow& row : paired_tests(cells)) CHECK(row.cell != split(0.1));
}

TEST_CASE("paired.csv lies beside the table, of every finished cell") {
  TemporaryFolder temporary;
  const auto folder = SweepFolder::open(temporary.path() / "sweep", new_passport());
  REQUIRE(folder);
  for (const CellSamples& cell : golden_sweep()) {
    EvaluateRun run;
    run.samples = cell.samples;
    SweepResult result;
    result.cell = cell.cell;
    result.summary = summary_json(run);
    REQUIRE(folder->finish(result, run));
  }
  REQUIRE(write_paired_table(*folder));
  const auto text = read_text_file(temporary.path() / "sweep" / "paired.csv");
  REQUIRE(text);
  CHECK(text->starts_with(
      "method,tau,alpha,top_k,heads,seed,prompt,gold_position,against,draws,n,em,em_other,"
      "difference,difference_low,difference_high,only_cell,only_other,p,p_holm\n"));
  CHECK(text->find("\nsplit-softmax,0.1,,5,contextual,,all,,random-heads,3,40,") !=
        std::string::npos);
  CHECK(*text == paired_table(paired_tests(*read_cell_samples(*folder))));

  std::ofstream(folder->lines_file(split(0.4))) << "no json\n";
  const auto damaged = write_paired_table(*folder);
  REQUIRE_FALSE(damaged);
  CHECK(damaged.error().message.find("tau0.4") != std::string::npos);
}
