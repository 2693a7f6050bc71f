#include "core/analysis/head_choice.h"
#include "core/engine/engine.h"

namespace headscope {

std::vector<HeadId> chosen_heads(const InterventionSettings& settings,
                                 const std::vector<HeadId>& ranking, int layers, int heads) {
  switch (settings.choice) {
    case HeadChoice::contextual:
      return first_heads(ranking, settings.top_k, layers, heads);
    case HeadChoice::random:
      return random_heads(ranking, settings.top_k, settings.random_seed, layers, heads);
    case HeadChoice::picked:
      return first_heads(settings.picked, static_cast<int>(settings.picked.size()), layers, heads);
  }
  return {};
}

}  // namespace headscope
