// What the engine may keep and compute before it is asked, and what came of it.
#pragma once

#include <chrono>
#include <cstdint>

namespace headscope {

/// Preferences of the user: no result depends on them, only how soon it is there.
struct ReuseOptions {
  static constexpr std::uint64_t standard_seen_bytes = std::uint64_t{512} << 20;

  std::uint64_t seen_bytes = standard_seen_bytes;  ///< most that results seen before may take
  bool neighbours = false;  ///< at rest, the sliders' next positions are computed (neighbours.h)
  std::chrono::milliseconds rest{300};  ///< without a request, before the first of them
  friend bool operator==(const ReuseOptions&, const ReuseOptions&) = default;
};

/// What came of it since the engine started.
struct ReuseCounts {
  std::int64_t hits = 0;            ///< runs and full maps that were there when they were asked for
  std::int64_t misses = 0;          ///< those that the model had to compute
  std::int64_t neighbour_hits = 0;  ///< hits on runs that were computed before anybody asked
  std::uint64_t seen_bytes = 0;     ///< memory of results seen before
  int neighbours = 0;  ///< of the positions beside the shown settings, those that are there; they
                       ///< are counted when no more of them will be computed
};

}  // namespace headscope
