#include "core/analysis/causal.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace headscope {
namespace {

template <class Effect>
Agreement agreement_of(const std::vector<Effect>& effects) {
  std::vector<double> masses, drops;
  for (const Effect& effect : effects) {
    masses.push_back(effect.mass);
    drops.push_back(effect.drop);
  }
  return {spearman(masses, drops), kendall_tau(masses, drops), pearson(masses, drops)};
}

}  // namespace

std::string mask_name(DocumentMask mask) {
  return mask == DocumentMask::hide ? "hide" : "remove";
}

Agreement CausalCheck::document_agreement() const {
  return agreement_of(documents);
}

Agreement CausalCheck::head_agreement() const {
  return agreement_of(heads);
}

int CausalCheck::most_needed() const {
  const auto at = std::max_element(
      documents.begin(), documents.end(),
      [](const DocumentEffect& a, const DocumentEffect& b) { return a.drop < b.drop; });
  return at == documents.end() ? -1 : static_cast<int>(at - documents.begin());
}

MeanAgreement mean_agreement(std::span<const Agreement> checks, std::uint64_t seed) {
  std::vector<double> spearmans, kendalls, pearsons;
  for (const Agreement& check : checks) {
    if (std::isnan(check.spearman) || std::isnan(check.kendall)) continue;
    spearmans.push_back(check.spearman);
    kendalls.push_back(check.kendall);
    pearsons.push_back(check.pearson);
  }
  MeanAgreement result;
  result.n = static_cast<std::int64_t>(spearmans.size());
  result.spearman = mean(spearmans);
  result.kendall = mean(kendalls);
  result.pearson = mean(pearsons);
  constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
  result.spearman_interval =
      spearmans.empty() ? Interval{undefined, undefined} : bootstrap_mean_interval(spearmans, seed);
  return result;
}

}  // namespace headscope
