#include "core/sweep/control_result.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "core/analysis/statistics.h"

namespace headscope {
namespace {

constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t bootstrap_seed = 0;

bool touches(const ControlArm& arm, HeadId head) {
  return std::find(arm.heads.begin(), arm.heads.end(), head) != arm.heads.end();
}

int first_layer(const ControlArm& arm) {
  int first = std::numeric_limits<int>::max();
  for (const HeadId head : arm.heads) first = std::min(first, head.layer);
  return first;
}

Estimate estimate_of(const std::vector<double>& values) {
  const Interval interval = bootstrap_mean_interval(values, bootstrap_seed);
  return {mean(values), interval.low, interval.high};
}

/// Per sample: mean over heads, then over draws.
struct Moves {
  std::vector<double> change, magnitude;

  explicit Moves(std::size_t samples) : change(samples, 0), magnitude(samples, 0) {}

  Movement movement() const { return {estimate_of(change), estimate_of(magnitude)}; }
};

Moves minus(const Moves& a, const Moves& b) {
  Moves difference(a.change.size());
  for (std::size_t i = 0; i < a.change.size(); ++i) {
    difference.change[i] = a.change[i] - b.change[i];
    difference.magnitude[i] = a.magnitude[i] - b.magnitude[i];
  }
  return difference;
}

using HeadFilter =
    std::function<bool(HeadId head, const ControlArm& contextual, const ControlArm& random)>;

/// The arms of one setting within a run.
struct Arms {
  const ControlRun& run;
  std::size_t contextual = 0;
  std::vector<std::size_t> random;

  std::vector<std::size_t> heads_of_pair(std::size_t draw, const HeadFilter& wanted) const {
    const ControlArm &first = run.arms[contextual], &second = run.arms[draw];
    std::vector<std::size_t> kept;
    for (int layer = 0; layer < run.layers; ++layer) {
      for (int head = 0; head < run.heads; ++head) {
        const HeadId id{layer, head};
        if (touches(first, id) || touches(second, id) || !wanted(id, first, second)) continue;
        kept.push_back(static_cast<std::size_t>(layer) * static_cast<std::size_t>(run.heads) +
                       static_cast<std::size_t>(head));
      }
    }
    return kept;
  }

  // Adds the mean over `heads` of what an arm changed, divided by the number of draws.
  void add(Moves& moves, std::size_t arm, const std::vector<std::size_t>& heads, int draws) const {
    const double share = 1.0 / (static_cast<double>(heads.size()) * draws);
    for (std::size_t s = 0; s < run.samples.size(); ++s) {
      const ControlSample& sample = run.samples[s];
      for (const std::size_t head : heads) {
        const double change = static_cast<double>(sample.arms[arm][head]) -
                              static_cast<double>(sample.baseline[head]);
        moves.change[s] += change * share;
        moves.magnitude[s] += std::abs(change) * share;
      }
    }
  }

  ControlComparison compare(const HeadFilter& wanted, bool with_ratio) const {
    std::vector<std::pair<std::size_t, std::vector<std::size_t>>> pairs;
    for (const std::size_t draw : random) {
      auto heads = heads_of_pair(draw, wanted);
      if (!heads.empty()) pairs.emplace_back(draw, std::move(heads));
    }
    ControlComparison result;
    result.draws = static_cast<int>(pairs.size());
    const std::size_t samples = pairs.empty() ? 0 : run.samples.size();
    Moves contextual_moves(samples), random_moves(samples);
    for (const auto& [draw, heads] : pairs) {
      result.heads += static_cast<double>(heads.size()) / result.draws;
      add(contextual_moves, contextual, heads, result.draws);
      add(random_moves, draw, heads, result.draws);
    }
    result.contextual = contextual_moves.movement();
    result.random = random_moves.movement();
    result.difference = minus(contextual_moves, random_moves).movement();
    result.ratio = {undefined, undefined, undefined};
    if (with_ratio) {
      const Interval interval = bootstrap_ratio_interval(contextual_moves.magnitude,
                                                         random_moves.magnitude, bootstrap_seed);
      const double below = result.random.magnitude.value;
      result.ratio = {below > 0 ? result.contextual.magnitude.value / below : undefined,
                      interval.low, interval.high};
    }
    return result;
  }

  // Mean change over samples of every head that `arm` leaves alone.
  void add_head_changes(std::size_t arm, std::vector<double>& sums,
                        std::vector<int>& counts) const {
    for (std::size_t head = 0; head < sums.size(); ++head) {
      const int at = static_cast<int>(head);
      if (touches(run.arms[arm], {at / run.heads, at % run.heads})) continue;
      for (const ControlSample& sample : run.samples) {
        sums[head] += static_cast<double>(sample.arms[arm][head]) -
                      static_cast<double>(sample.baseline[head]);
        ++counts[head];
      }
    }
  }

  std::vector<float> head_changes(const std::vector<std::size_t>& arms) const {
    const auto all = static_cast<std::size_t>(run.layers) * static_cast<std::size_t>(run.heads);
    std::vector<double> sums(all, 0);
    std::vector<int> counts(all, 0);
    for (const std::size_t arm : arms) add_head_changes(arm, sums, counts);
    std::vector<float> means;
    for (std::size_t i = 0; i < all; ++i)
      means.push_back(static_cast<float>(counts[i] > 0 ? sums[i] / counts[i] : undefined));
    return means;
  }
};

bool same_setting(const SweepCell& a, const SweepCell& b) {
  return a.method == b.method && a.tau == b.tau && a.alpha == b.alpha && a.top_k == b.top_k;
}

ControlSetting setting_of(const Arms& arms) {
  const ControlRun& run = arms.run;
  ControlSetting setting;
  setting.cell = run.arms[arms.contextual].cell;
  setting.contextual = run.arms[arms.contextual].heads;
  for (const std::size_t draw : arms.random) setting.random.push_back(run.arms[draw]);
  setting.untouched = arms.compare([](HeadId, const auto&, const auto&) { return true; }, true);
  setting.above = arms.compare(
      [](HeadId head, const ControlArm& first, const ControlArm& second) {
        return head.layer > std::max(first_layer(first), first_layer(second));
      },
      true);
  for (int layer = 0; layer < run.layers; ++layer) {
    setting.by_layer.push_back(arms.compare(
        [layer](HeadId head, const auto&, const auto&) { return head.layer == layer; }, false));
  }
  setting.contextual_change = arms.head_changes({arms.contextual});
  setting.random_change = arms.head_changes(arms.random);
  return setting;
}

std::vector<float> mean_baseline(const ControlRun& run) {
  std::vector<double> sums(
      static_cast<std::size_t>(run.layers) * static_cast<std::size_t>(run.heads), 0);
  for (const ControlSample& sample : run.samples) {
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += sample.baseline[i];
  }
  std::vector<float> means;
  for (const double sum : sums) {
    means.push_back(static_cast<float>(
        run.samples.empty() ? undefined : sum / static_cast<double>(run.samples.size())));
  }
  return means;
}

}  // namespace

std::string control_response_name(ControlResponse response) {
  return response == ControlResponse::own ? "own" : "baseline";
}

std::string control_setting_name(const ControlSetting& setting) {
  const SweepCell& cell = setting.cell;
  const std::string strength = cell.tau ? "split-softmax, τ = " + shortest_number(*cell.tau)
                                        : "focus, α = " + shortest_number(cell.alpha.value_or(0));
  return strength + ", top " + std::to_string(cell.top_k.value_or(0));
}

ControlResult control_result(const ControlRun& run, Passport passport) {
  ControlResult result;
  result.layers = run.layers;
  result.heads = run.heads;
  result.n = static_cast<std::int64_t>(run.samples.size());
  result.response = run.response;
  result.baseline = mean_baseline(run);
  result.skipped = run.skipped;
  result.notes = run.notes;
  result.complete = !run.cancelled;
  result.passport = std::move(passport);
  result.passport.n = result.n;
  for (std::size_t i = 0; i < run.arms.size(); ++i) {
    if (run.arms[i].cell.heads != CellHeads::contextual) continue;
    Arms arms{run, i, {}};
    for (std::size_t j = 0; j < run.arms.size(); ++j) {
      const SweepCell& other = run.arms[j].cell;
      if (other.heads == CellHeads::random && same_setting(run.arms[i].cell, other)) {
        arms.random.push_back(j);
      }
    }
    result.settings.push_back(setting_of(arms));
  }
  return result;
}

}  // namespace headscope
