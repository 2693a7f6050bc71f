// The baseline's and the intervened response beside each other, token by token.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/analysis/alignment.h"
#include "core/engine/snapshot.h"

namespace headscope {

/// How two responses are aligned; indices are response tokens.
class AlignedResponses {
 public:
  AlignedResponses() = default;
  AlignedResponses(std::shared_ptr<const RunResult> baseline,
                   std::shared_ptr<const RunResult> intervened);

  /// Made of these two runs.
  bool is_of(const std::shared_ptr<const RunResult>& baseline,
             const std::shared_ptr<const RunResult>& intervened) const {
    return baseline_ == baseline && intervened_ == intervened;
  }
  const std::vector<AlignedPair>& pairs() const { return pairs_; }
  /// Index of the first pair that is not kept; nothing when the responses are equal.
  std::optional<std::size_t> first_change() const;
  /// The pair of a token of one of the responses; null when there is no such token.
  const AlignedPair* pair_of(bool of_baseline, std::size_t token) const;
  std::size_t count(EditKind kind) const;
  /// "11 kept, 2 replaced, 1 inserted".
  std::string summary() const;
  /// What became of a pair, in words: "replaces \"indigo\"".
  std::string explain(const AlignedPair& pair) const;

 private:
  std::shared_ptr<const RunResult> baseline_, intervened_;
  std::vector<AlignedPair> pairs_;
  std::vector<std::size_t> of_baseline_, of_intervened_;  ///< token -> pair
};

}  // namespace headscope
