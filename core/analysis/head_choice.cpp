#include "core/analysis/head_choice.h"

#include <algorithm>
#include <set>

#include "core/base/rng.h"

namespace headscope {
namespace {

/// Heads up to this rank count as contextual also when fewer are asked for, so that a few random
/// heads are no contextual ones. 20 is the default k of method.md 5.
int contextual_part(int layers, int heads) {
  return std::min(20, layers * heads / 10);
}

}  // namespace

int default_top_k(int layers, int heads) {
  constexpr int small_model = 100;
  return layers * heads < small_model ? 5 : 20;
}

std::vector<HeadId> first_heads(const std::vector<HeadId>& ids, int k, int layers, int heads) {
  std::vector<HeadId> kept;
  std::set<HeadId> seen;
  for (const auto id : ids) {
    if (static_cast<int>(kept.size()) >= k) break;
    const bool exists = id.layer >= 0 && id.layer < layers && id.head >= 0 && id.head < heads;
    if (exists && seen.insert(id).second) kept.push_back(id);
  }
  return kept;
}

std::vector<HeadId> combined_heads(const std::vector<HeadId>& a, HeadSetOperation operation,
                                   const std::vector<HeadId>& b) {
  const std::set<HeadId> in_b(b.begin(), b.end());
  std::vector<HeadId> result;
  std::set<HeadId> seen;
  const auto add = [&](HeadId id) {
    if (seen.insert(id).second) result.push_back(id);
  };
  for (const HeadId id : a) {
    const bool wanted = operation == HeadSetOperation::unite ||
                        in_b.contains(id) == (operation == HeadSetOperation::intersect);
    if (wanted) add(id);
  }
  if (operation == HeadSetOperation::unite) {
    for (const HeadId id : b) add(id);
  }
  return result;
}

std::vector<HeadId> heads_outside(const std::vector<HeadId>& ranking, int k, int layers,
                                  int heads) {
  const auto contextual =
      first_heads(ranking, std::max(k, contextual_part(layers, heads)), layers, heads);
  const std::set<HeadId> excluded(contextual.begin(), contextual.end());
  std::vector<HeadId> others;
  for (int layer = 0; layer < layers; ++layer) {
    for (int head = 0; head < heads; ++head)
      if (!excluded.contains({layer, head})) others.push_back({layer, head});
  }
  return others;
}

std::vector<HeadId> random_heads(const std::vector<HeadId>& ranking, int k, std::uint64_t seed,
                                 int layers, int heads) {
  if (k <= 0) return {};
  auto others = heads_outside(ranking, k, layers, heads);
  Rng rng(seed);
  rng.shuffle(others);
  others.resize(std::min(others.size(), static_cast<std::size_t>(k)));
  return others;
}

}  // namespace headscope
