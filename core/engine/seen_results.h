// Runs and maps of settings seen before, in one bounded memory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>

#include "core/engine/byte_cache.h"
#include "core/engine/steps.h"

namespace headscope {

/// A run of the model with what it is an answer to.
struct HeldRun {
  RunKey key;
  GradeKey grade;
  std::shared_ptr<const RunResult> run;
  /// Snapshot::preview_error, as measured against this baseline; another one is measured anew.
  std::optional<double> preview_error;
  std::weak_ptr<const RunResult> compared_with;
  bool ahead = false;  ///< computed before anybody asked for it
};

/// What a full map shows.
struct MapKey {
  RunKey run;
  InterventionSettings settings;  ///< the label the map carries
  HeadId head;
  MapRegion region;
  friend bool operator==(const MapKey&, const MapKey&) = default;
};

/// The least recently used results go first. What is found is what was put in, nothing is computed.
class SeenResults {
 public:
  explicit SeenResults(std::uint64_t budget) : cache_(budget) {}
  /// Nothing when it is not there.
  std::optional<HeldRun> run(const RunKey& key);
  void put(const HeldRun& run);  ///< larger than the budget: not kept
  /// Null when it is not there.
  std::shared_ptr<const FullMap> map(const MapKey& key);
  void put(const MapKey& key, const std::shared_ptr<const FullMap>& map);  ///< likewise

  void set_budget(std::uint64_t bytes) { cache_.set_budget(bytes); }
  std::uint64_t budget() const { return cache_.budget(); }
  std::uint64_t bytes() const { return cache_.bytes(); }
  bool empty() const { return cache_.empty(); }
  void clear() { cache_.clear(); }

 private:
  ByteCache<std::variant<RunKey, MapKey>, std::variant<HeldRun, std::shared_ptr<const FullMap>>>
      cache_;
};

/// Memory of a run's arrays.
std::uint64_t bytes_of(const RunResult& run);

}  // namespace headscope
