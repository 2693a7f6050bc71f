#include "core/study/judge.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/analysis/statistics.h"
#include "core/base/rng.h"
#include "core/study/numbers.h"

namespace headscope::study {
namespace {

constexpr double kConfidence = 0.95;
// Sums of the same numbers in another order may differ by so much of their size.
constexpr double kRounding = 1e-12;

double p_from(std::int64_t extreme, int draws) {
  return static_cast<double>(1 + extreme) / static_cast<double>(1 + draws);
}

double size_of(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += std::abs(value);
  return sum;
}

double mcnemar_of(std::span<const double> differences) {
  std::int64_t gained = 0, lost = 0;
  for (const double d : differences) {
    gained += d > 0 ? 1 : 0;
    lost += d < 0 ? 1 : 0;
  }
  return mcnemar_exact(gained, lost);
}

bool has_p(Test test) {
  return test == Test::mcnemar || test == Test::sign_flip || test == Test::two_groups;
}

std::string too_few(std::int64_t n, std::int64_t least) {
  return "too few samples: " + std::to_string(n) + ", the rule asks for " + std::to_string(least);
}

class Judge {
 public:
  Judge(const Rule& rule, const Evidence& evidence, const JudgeOptions& options)
      : rule_(rule), evidence_(evidence), options_(options) {}

  // Everything but what depends on the other claims: the corrected p and the verdict of tests.
  Judgement measure() {
    if (!evidence_.untestable.empty()) {
      judgement_.reason = evidence_.untestable;
      return judgement_;
    }
    switch (rule_.test) {
      case Test::mcnemar:
      case Test::sign_flip:
      case Test::no_gain:
      case Test::not_worse:
        paired();
        break;
      case Test::two_groups:
        groups();
        break;
      case Test::above_zero:
      case Test::at_least:
      case Test::at_most:
        number();
        break;
    }
    return judgement_;
  }

 private:
  bool enough(std::int64_t n) {
    judgement_.n = n;
    if (n >= rule_.least_n && n > 0) return true;
    judgement_.reason = too_few(n, rule_.least_n);
    return false;
  }

  void paired() {
    if (evidence_.paired.empty()) {
      judgement_.reason = "not measured";
      return;
    }
    std::int64_t n = std::numeric_limits<std::int64_t>::max();
    for (const Comparison& c : evidence_.paired) n = std::min(n, std::ssize(c.differences));
    if (!enough(n)) return;
    for (const Comparison& comparison : evidence_.paired) add(comparison);
    if (has_p(rule_.test)) return;
    const bool gain = rule_.test == Test::no_gain;
    const double limit = gain ? rule_.threshold : -rule_.threshold;
    const bool holds = gain ? *judgement_.high < limit : *judgement_.low > limit;
    decide(holds, std::string(gain ? "upper" : "lower") + " end of the interval " +
                      signed_number(gain ? *judgement_.high : *judgement_.low) +
                      (holds == gain ? " is below " : " is not below ") + signed_number(limit));
  }

  // The comparison that speaks least for the claim is the one that is shown.
  void add(const Comparison& comparison) {
    const double effect = mean(comparison.differences);
    const Interval interval =
        bootstrap_mean_interval(comparison.differences, options_.seed, options_.draws, kConfidence);
    const bool gain = rule_.test == Test::no_gain;
    const bool worse = !judgement_.effect ||
                       (gain ? interval.high > *judgement_.high : effect < *judgement_.effect);
    if (worse) {
      judgement_.effect = effect;
      judgement_.low = interval.low;
      judgement_.high = interval.high;
    }
    if (!has_p(rule_.test)) return;
    const double p = rule_.test == Test::mcnemar
                         ? mcnemar_of(comparison.differences)
                         : sign_flip_test(comparison.differences, options_.draws, options_.seed);
    judgement_.p = std::max(judgement_.p.value_or(0), p);
  }

  void groups() {
    const auto smaller = std::min(std::ssize(evidence_.first), std::ssize(evidence_.second));
    if (!enough(smaller)) return;
    judgement_.n = std::ssize(evidence_.first) + std::ssize(evidence_.second);
    judgement_.effect = mean(evidence_.first) - mean(evidence_.second);
    bootstrap_groups();
    judgement_.p =
        permutation_test(evidence_.first, evidence_.second, options_.draws, options_.seed);
  }

  void bootstrap_groups() {
    Rng rng(options_.seed, 1);
    const auto drawn_mean = [&rng](const std::vector<double>& values) {
      double sum = 0;
      for (std::size_t i = 0; i < values.size(); ++i) sum += values[rng.below(values.size())];
      return sum / static_cast<double>(values.size());
    };
    std::vector<double> differences;
    for (int draw = 0; draw < options_.draws; ++draw) {
      const double first = drawn_mean(evidence_.first);
      differences.push_back(first - drawn_mean(evidence_.second));
    }
    judgement_.low = quantile(differences, (1 - kConfidence) / 2);
    judgement_.high = quantile(differences, (1 + kConfidence) / 2);
  }

  void number() {
    if (!evidence_.value || !std::isfinite(*evidence_.value)) {
      judgement_.reason = "not measured";
      return;
    }
    if (!enough(evidence_.n)) return;
    judgement_.effect = *evidence_.value;
    if (rule_.test == Test::above_zero) {
      interval();
      return;
    }
    const bool below = *evidence_.value <= rule_.threshold;
    const bool above = *evidence_.value >= rule_.threshold;
    decide(rule_.test == Test::at_least ? above : below,
           short_number(*evidence_.value) +
               (above && below ? " is exactly " : (above ? " is above " : " is below ")) +
               short_number(rule_.threshold));
  }

  void interval() {
    if (!evidence_.low || !evidence_.high || !std::isfinite(*evidence_.low)) {
      judgement_.effect.reset();
      judgement_.reason = "not measured";
      return;
    }
    judgement_.low = evidence_.low;
    judgement_.high = evidence_.high;
    const bool holds = *judgement_.low > 0;
    decide(holds, "lower end of the interval " + signed_number(*judgement_.low, 4) +
                      (holds ? " is above 0" : " is not above 0"));
  }

  void decide(bool holds, std::string reason) {
    judgement_.verdict = holds ? Verdict::confirmed : Verdict::not_confirmed;
    judgement_.reason = std::move(reason);
  }

  const Rule& rule_;
  const Evidence& evidence_;
  const JudgeOptions& options_;
  Judgement judgement_;
};

void decide_by_p(Judgement& judgement, double alpha) {
  const bool significant = *judgement.adjusted_p < alpha;
  const bool right_way = *judgement.effect > 0;
  judgement.verdict = significant && right_way ? Verdict::confirmed : Verdict::not_confirmed;
  judgement.reason = significant ? (right_way ? "the difference is as claimed, corrected p "
                                              : "the difference is the other way, corrected p ")
                                 : "no difference that chance would not give, corrected p ";
  judgement.reason += p_number(*judgement.adjusted_p);
}

Json or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

const char* test_name(Test test) {
  switch (test) {
    case Test::mcnemar:
      return "mcnemar";
    case Test::sign_flip:
      return "sign-flip";
    case Test::two_groups:
      return "two-groups";
    case Test::above_zero:
      return "above-zero";
    case Test::no_gain:
      return "no-gain";
    case Test::not_worse:
      return "not-worse";
    case Test::at_least:
      return "at-least";
    case Test::at_most:
      break;
  }
  return "at-most";
}

}  // namespace

std::string verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::confirmed:
      return "confirmed";
    case Verdict::not_confirmed:
      return "not confirmed";
    case Verdict::not_testable:
      break;
  }
  return "not testable here";
}

double sign_flip_test(std::span<const double> differences, int draws, std::uint64_t seed) {
  const double observed = std::abs(std::accumulate(differences.begin(), differences.end(), 0.0));
  const double slack = kRounding * size_of(differences);
  Rng rng(seed, 2);
  std::int64_t extreme = 0;
  for (int draw = 0; draw < draws; ++draw) {
    double sum = 0;
    for (const double d : differences) sum += (rng.next_u32() & 1u) != 0 ? d : -d;
    extreme += std::abs(sum) >= observed - slack ? 1 : 0;
  }
  return p_from(extreme, draws);
}

double permutation_test(std::span<const double> first, std::span<const double> second, int draws,
                        std::uint64_t seed) {
  if (first.empty() || second.empty()) return 1;
  const double observed = std::abs(mean(first) - mean(second));
  std::vector<double> all(first.begin(), first.end());
  all.insert(all.end(), second.begin(), second.end());
  const double slack = kRounding * size_of(all);
  Rng rng(seed, 3);
  std::int64_t extreme = 0;
  for (int draw = 0; draw < draws; ++draw) {
    rng.shuffle(all);
    const std::span<const double> shuffled(all);
    const double difference =
        mean(shuffled.first(first.size())) - mean(shuffled.subspan(first.size()));
    extreme += std::abs(difference) >= observed - slack ? 1 : 0;
  }
  return p_from(extreme, draws);
}

std::vector<Judgement> judge(std::span<const Rule> rules, std::span<const Evidence> evidence,
                             const JudgeOptions& options) {
  std::vector<Judgement> judgements;
  std::vector<double> family;  // p values of the claims that have one
  for (std::size_t i = 0; i < rules.size(); ++i) {
    static const Evidence none;
    const Evidence& found = i < evidence.size() ? evidence[i] : none;
    judgements.push_back(Judge(rules[i], found, options).measure());
    if (judgements.back().p) family.push_back(*judgements.back().p);
  }
  const std::vector<double> corrected = holm_adjusted(family);
  auto next = corrected.begin();
  for (Judgement& judgement : judgements) {
    if (!judgement.p) continue;
    judgement.adjusted_p = *next++;
    decide_by_p(judgement, options.alpha);
  }
  return judgements;
}

Json to_json(const Rule& rule) {
  return {{"id", rule.id},          {"claim", rule.claim},          {"source", rule.source},
          {"rule", rule.text},      {"test", test_name(rule.test)}, {"threshold", rule.threshold},
          {"least_n", rule.least_n}};
}

Json to_json(const Judgement& judgement) {
  return {{"verdict", verdict_name(judgement.verdict)},
          {"n", judgement.n},
          {"effect", or_null(judgement.effect)},
          {"low", or_null(judgement.low)},
          {"high", or_null(judgement.high)},
          {"p", or_null(judgement.p)},
          {"corrected_p", or_null(judgement.adjusted_p)},
          {"reason", judgement.reason}};
}

}  // namespace headscope::study
