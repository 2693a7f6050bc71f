#include <algorithm>
#include <set>

#include "core/base/rng.h"
#include "core/engine/engine.h"

namespace headscope {
namespace {

/// Below this rank heads count as contextual also when fewer are asked for, so that few random
/// heads are no contextual ones: a tenth of the heads, at most the 20 of method.md 5.
int contextual_part(int layers, int heads) {
  return std::min(20, layers * heads / 10);
}

std::vector<HeadId> random_heads(const InterventionSettings& settings,
                                 const std::vector<HeadId>& ranking, int layers, int heads) {
  const auto excluded_count = std::max(settings.top_k, contextual_part(layers, heads));
  std::set<HeadId> excluded;
  for (const auto id : ranking)
    if (static_cast<int>(excluded.size()) < excluded_count) excluded.insert(id);
  std::vector<HeadId> others;
  for (int layer = 0; layer < layers; ++layer)
    for (int head = 0; head < heads; ++head)
      if (!excluded.contains({layer, head})) others.push_back({layer, head});
  Rng rng(settings.random_seed);
  rng.shuffle(others);
  others.resize(std::min(others.size(), static_cast<std::size_t>(settings.top_k)));
  return others;
}

/// The first `limit` heads that exist, each once.
std::vector<HeadId> valid_heads(const std::vector<HeadId>& ids, int layers, int heads,
                                std::size_t limit) {
  std::vector<HeadId> kept;
  std::set<HeadId> seen;
  for (const auto id : ids) {
    if (kept.size() >= limit) break;
    const bool exists = id.layer >= 0 && id.layer < layers && id.head >= 0 && id.head < heads;
    if (exists && seen.insert(id).second) kept.push_back(id);
  }
  return kept;
}

}  // namespace

std::vector<HeadId> chosen_heads(const InterventionSettings& settings,
                                 const std::vector<HeadId>& ranking, int layers, int heads) {
  if (settings.choice == HeadChoice::picked)
    return valid_heads(settings.picked, layers, heads, settings.picked.size());
  if (settings.top_k <= 0) return {};
  if (settings.choice == HeadChoice::random) return random_heads(settings, ranking, layers, heads);
  return valid_heads(ranking, layers, heads, static_cast<std::size_t>(settings.top_k));
}

}  // namespace headscope
