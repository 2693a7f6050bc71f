// Two token sequences beside each other: what both have, and what one has in place of the other.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace headscope {

/// What became of a token.
enum class EditKind {
  kept,      ///< both have it
  replaced,  ///< another one stands in its place
  removed,   ///< only the first sequence has it
  inserted,  ///< only the second one has it
};

/// A place of an alignment: indices into both sequences, -1 where one has nothing.
struct AlignedPair {
  EditKind kind = EditKind::kept;
  std::int64_t before = -1, after = -1;
  friend bool operator==(const AlignedPair&, const AlignedPair&) = default;
};

/// A longest common subsequence of both, by Myers' greedy algorithm ("An O(ND) Difference Algorithm
/// and Its Variations", 1986), as pairs in reading order: every index of each sequence occurs once.
/// Between kept tokens the first of what is removed and the first of what is inserted stand in each
/// other's place. Time O((N + M) D), memory O(D^2) for D tokens that are not kept.
std::vector<AlignedPair> align(std::span<const std::int32_t> before,
                               std::span<const std::int32_t> after);

}  // namespace headscope
