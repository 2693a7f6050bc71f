#include "core/experiment/direction_check.h"

#include <algorithm>
#include <cmath>

#include "core/analysis/head_scores.h"
#include "core/base/head_json.h"

namespace headscope {
namespace {

struct Group {
  std::vector<std::size_t> heads;  // indices [layers * heads]
  std::size_t total = 0;           // heads of the model
};

Group all_of(const DirectionShape& shape) {
  Group group;
  group.total = static_cast<std::size_t>(shape.layers) * static_cast<std::size_t>(shape.heads);
  for (std::size_t i = 0; i < group.total; ++i) group.heads.push_back(i);
  return group;
}

Result<Group> group_of(const std::vector<HeadId>& heads, const DirectionShape& shape) {
  Group group{{}, all_of(shape).total};
  for (const HeadId id : heads) {
    if (id.layer < 0 || id.layer >= shape.layers || id.head < 0 || id.head >= shape.heads) {
      return bad_input("check of directions: head [" + std::to_string(id.layer) + ", " +
                       std::to_string(id.head) + "] is not one of this model");
    }
    group.heads.push_back(static_cast<std::size_t>(id.layer) *
                              static_cast<std::size_t>(shape.heads) +
                          static_cast<std::size_t>(id.head));
  }
  if (group.heads.empty()) return bad_input("check of directions: no heads to look at");
  return group;
}

ShareOfContext share_of(const DirectionMasses& masses, const Group& group) {
  ShareOfContext result;
  std::vector<double> relevant, irrelevant;
  for (std::size_t begin = 0; begin < masses.relevant.size(); begin += group.total) {
    double in = 0, out = 0;
    for (const std::size_t head : group.heads) {
      in += double{masses.relevant[begin + head]};
      out += double{masses.irrelevant[begin + head]};
    }
    const auto count = static_cast<double>(group.heads.size());
    relevant.push_back(in / count);
    irrelevant.push_back(out / count);
    result.shares.push_back(in / (in + out));
  }
  result.relevant = mean(relevant);
  result.irrelevant = mean(irrelevant);
  result.share = mean(result.shares);
  return result;
}

double largest_difference(const DirectionMasses& a, const DirectionMasses& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.relevant.size(); ++i) {
    largest = std::max({largest, std::abs(double{a.relevant[i]} - double{b.relevant[i]}),
                        std::abs(double{a.irrelevant[i]} - double{b.irrelevant[i]})});
  }
  return largest;
}

/// Interval of the mean over samples of a - mean of b.
Interval paired_interval(const std::vector<double>& a, std::span<const DirectionEffect> against,
                         std::uint64_t seed) {
  std::vector<double> differences = a;
  for (std::size_t sample = 0; sample < a.size(); ++sample) {
    double other = 0;
    for (const DirectionEffect& effect : against) other += effect.chosen.shares[sample];
    differences[sample] -= other / static_cast<double>(against.size());
  }
  return bootstrap_mean_interval(differences, seed);
}

/// All that is looked at, in one list, so that every sample is read once.
struct Plan {
  std::vector<Directions> random;
  std::vector<DirectionVariant> variants;  // unedited, both halves, query half, random, scan

  Plan(const Directions& directions, const DirectionCheckOptions& options) {
    for (int i = 0; i < options.random_seeds; ++i)
      random.push_back(random_directions(directions, options.seed + static_cast<unsigned>(i)));
    variants = {{&directions, 0, false},
                {&directions, options.alpha, true},
                {&directions, options.alpha, false}};
    for (const Directions& drawn : random) variants.push_back({&drawn, options.alpha, true});
    for (const double alpha : options.alphas) variants.push_back({&directions, alpha, true});
  }
};

Json to_json(const ShareOfContext& share) {
  return {{"relevant", share.relevant}, {"irrelevant", share.irrelevant}, {"share", share.share}};
}

Json to_json(const DirectionEffect& effect) {
  return {{"alpha", effect.alpha},
          {"heads", to_json(effect.chosen)},
          {"all_heads", to_json(effect.all)},
          {"share_gained", {effect.gain.low, effect.gain.high}}};
}

}  // namespace

Result<DirectionCheck> check_directions(DirectionSamples& held_out, const DirectionShape& shape,
                                        const Directions& directions,
                                        const DirectionCheckOptions& options,
                                        const RunContext& context) {
  HEADSCOPE_ASSIGN(const Group chosen, group_of(options.heads, shape));
  const Group all = all_of(shape);
  const Plan plan(directions, options);
  HEADSCOPE_ASSIGN(const auto masses, direction_masses(held_out, shape, plan.variants, context));
  DirectionCheck check;
  std::size_t at = 0;
  const auto next = [&](std::uint64_t seed = 0) {
    const DirectionMasses& here = masses[at];
    DirectionEffect effect{plan.variants[at++].alpha, seed, share_of(here, chosen),
                           share_of(here, all)};
    if (at > 1)
      effect.gain = paired_interval(effect.chosen.shares, {&check.unedited, 1}, options.seed);
    return effect;
  };
  check.samples = static_cast<std::int64_t>(held_out.size());
  check.heads = options.heads;
  check.unedited = next();
  check.trained = next();
  check.query_half = next();
  check.key_half_changes = largest_difference(masses[1], masses[2]);
  for (std::size_t i = 0; i < plan.random.size(); ++i)
    check.random.push_back(next(options.seed + i));
  while (at < masses.size()) check.scan.push_back(next());
  const std::vector<double>& trained = check.trained.chosen.shares;
  if (!check.random.empty())
    check.over_random = paired_interval(trained, check.random, options.seed);
  return check;
}

Result<std::vector<HeadId>> contextual_heads(DirectionSamples& samples, const DirectionShape& shape,
                                             std::size_t count, const RunContext& context) {
  Directions none{shape.layers, shape.heads, shape.head_dim, {}, {}};
  const std::size_t total = all_of(shape).total;
  none.query.assign(total * static_cast<std::size_t>(shape.head_dim), 0.0f);
  none.key = none.query;
  const DirectionVariant unedited{&none, 0, false};
  HEADSCOPE_ASSIGN(const auto masses, direction_masses(samples, shape, {&unedited, 1}, context));
  std::vector<double> sums(total, 0.0);
  for (std::size_t i = 0; i < masses[0].relevant.size(); ++i)
    sums[i % total] += double{masses[0].relevant[i]};
  auto ranking = rank_heads({sums.begin(), sums.end()}, shape.layers, shape.heads);
  ranking.resize(std::min(count, ranking.size()));
  return ranking;
}

Json to_json(const DirectionCheck& check) {
  Json random = Json::array(), scan = Json::array();
  double random_mass = 0;
  for (const DirectionEffect& effect : check.random) {
    random.push_back(to_json(effect));
    random.back()["seed"] = effect.seed;
    random_mass += effect.all.relevant / static_cast<double>(check.random.size());
  }
  for (const DirectionEffect& effect : check.scan) scan.push_back(to_json(effect));
  Json json = {{"n", check.samples},
               {"alpha", check.trained.alpha},
               {"relevant_mass_before", check.unedited.all.relevant},
               {"relevant_mass_after", check.trained.all.relevant},
               {"relevant_mass_random_directions", nullptr},
               {"heads", heads_json(check.heads)},
               {"unedited", to_json(check.unedited)},
               {"trained", to_json(check.trained)},
               {"query_half", to_json(check.query_half)},
               {"key_half_changes_at_most", check.key_half_changes},
               {"share_gained", {check.trained.gain.low, check.trained.gain.high}},
               {"random_directions", std::move(random)},
               {"alpha_scan", std::move(scan)}};
  if (!check.random.empty()) {
    json["relevant_mass_random_directions"] = random_mass;
    json["share_over_random"] = {check.over_random.low, check.over_random.high};
  }
  return json;
}

}  // namespace headscope
