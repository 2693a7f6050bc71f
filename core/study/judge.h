// Verdicts on claims: rules that were written down before a run, applied to what it measured. Pure
// functions over plain numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace headscope::study {

/// How a claim is decided. Differences are per sample, of the same samples, and are signed so that
/// the claim says they are above zero.
enum class Test {
  mcnemar,     ///< right or wrong, paired: mean difference > 0, exact two-sided McNemar
  sign_flip,   ///< numbers, paired: mean difference > 0, two-sided randomisation of the signs
  two_groups,  ///< first group above the second, two-sided permutation of the labels
  above_zero,  ///< one number with its interval: lower end > 0
  no_gain,     ///< upper end of the mean difference's 95 % bootstrap interval < threshold
  not_worse,   ///< lower end of it > -threshold
  at_least,    ///< one number >= threshold
  at_most,     ///< one number <= threshold
};

/// One claim and when it counts as confirmed.
struct Rule {
  std::string id;      ///< "C4"
  std::string claim;   ///< what is claimed
  std::string source;  ///< where the paper (or method.md) says so
  std::string text;    ///< the rule in words, with n, test and threshold
  Test test = Test::mcnemar;
  double threshold = 0;
  std::int64_t least_n = 30;  ///< fewer samples (of the smaller group): not testable
};

/// Differences of one comparison; a claim with several needs each of them.
struct Comparison {
  std::string name;
  std::vector<double> differences;
};

/// What was measured for one claim.
struct Evidence {
  std::vector<Comparison> paired;
  std::vector<double> first, second;  ///< two_groups
  std::optional<double> value;        ///< above_zero, at_least, at_most
  std::optional<double> low, high;    ///< its 95 % interval: above_zero
  std::int64_t n = 0;                 ///< samples behind `value`
  std::string measured;               ///< the numbers in words
  std::string untestable;             ///< why this claim cannot be tested here; empty = it can
};
/// What became of a claim.
enum class Verdict { confirmed, not_confirmed, not_testable };

/// "confirmed", "not confirmed", "not testable here".
std::string verdict_name(Verdict verdict);
/// A verdict with its numbers.
struct Judgement {
  Verdict verdict = Verdict::not_testable;
  std::int64_t n = 0;
  std::optional<double> effect, low, high;  ///< mean difference (or value) and its 95 % interval
  std::optional<double> p, adjusted_p;      ///< of the test, and after Holm
  std::string reason;                       ///< one sentence: what decided
};
/// How strict the rules are.
struct JudgeOptions {
  double alpha = 0.05;  ///< of the whole family of claims
  int draws = 10000;    ///< of randomisation tests and bootstrap intervals
  std::uint64_t seed = 0;
};

/// One judgement a rule. The p values of all claims that have one and can be tested are a family:
/// Holm's step-down method corrects them. A claim of several comparisons has the largest of their p
/// values (all must hold) and shows the comparison with the smallest difference.
std::vector<Judgement> judge(std::span<const Rule> rules, std::span<const Evidence> evidence,
                             const JudgeOptions& options = {});

/// Two-sided p value of the mean of `differences` under random signs: (1 + extreme) / (1 + draws).
double sign_flip_test(std::span<const double> differences, int draws, std::uint64_t seed);
/// Two-sided p value of the difference of two means under permuted labels, likewise.
double permutation_test(std::span<const double> first, std::span<const double> second, int draws,
                        std::uint64_t seed);
/// As verdicts.json holds them.
Json to_json(const Rule& rule);
Json to_json(const Judgement& judgement);

}  // namespace headscope::study
