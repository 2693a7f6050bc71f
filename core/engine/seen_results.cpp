#include "core/engine/seen_results.h"

namespace headscope {

std::uint64_t bytes_of(const RunResult& run) {
  std::uint64_t floats = run.span_sums.size();
  for (const auto& block : run.weights) floats += block ? block->size() : 0;
  return floats * sizeof(float) + sizeof(RunResult);
}

std::optional<HeldRun> SeenResults::run(const RunKey& key) {
  auto found = cache_.find(key);
  return found ? std::optional(std::get<HeldRun>(std::move(*found))) : std::nullopt;
}

void SeenResults::put(const HeldRun& run) {
  cache_.put(run.key, run, bytes_of(*run.run));
}

std::shared_ptr<const FullMap> SeenResults::map(const MapKey& key) {
  auto found = cache_.find(key);
  return found ? std::get<std::shared_ptr<const FullMap>>(std::move(*found)) : nullptr;
}

void SeenResults::put(const MapKey& key, const std::shared_ptr<const FullMap>& map) {
  cache_.put(key, map, map->bytes());
}

}  // namespace headscope
