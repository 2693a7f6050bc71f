// Tokens of a prompt and its response as documents, or as sentences.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/analysis/map_groups.h"
#include "core/engine/snapshot.h"

namespace headscope {
/// Tokens that one row or column of a grouped map stands for.
struct TokenGroup {
  std::string label;  ///< for an axis: "3", "3.2", "sink", "response"
  std::string name;   ///< in full: "document 3: Title", or the beginning of the sentence
  int document = -1;  ///< index into PromptView::documents
  bool gold = false;
  std::int64_t first = 0;   ///< first token
  std::int64_t tokens = 0;  ///< how many
};

/// Every token belongs to one group; groups are in the order of their first tokens.
struct PromptGroups {
  std::vector<TokenGroup> groups;
  std::vector<std::int32_t> of;  ///< [prompt tokens + response tokens]

  AxisGroups axis() const { return {of, static_cast<std::int64_t>(groups.size())}; }
};

/// Tokens 0 and 1 are the sink, the response is one group. Documents: exactly the tokens of
/// DocumentView::tokens, "instruction" before them, "question" behind them, "labels" between them
/// ("Document [3]"). Sentences: the same divided by find_sentences, titles whole; a token belongs
/// to the sentence of its last byte. Tokens without bytes go with the one before them.
PromptGroups prompt_groups(const PromptView& prompt, std::int64_t response_tokens,
                           TokenGrouping grouping);

/// A whole map by groups: MapGrouper's cells, [groups, groups].
struct GroupedMap {
  PromptGroups groups;
  std::vector<float> sum, mean, max;

  /// [rows, columns] of groups.
  const std::vector<float>& cells(Pooling pooling) const {
    return pooling == Pooling::sum ? sum : pooling == Pooling::mean ? mean : max;
  }
  /// All poolings of what the grouper was given.
  static GroupedMap from(PromptGroups groups, const MapGrouper& grouper) {
    return {std::move(groups), grouper.cells(Pooling::sum), grouper.cells(Pooling::mean),
            grouper.cells(Pooling::max)};
  }
};

}  // namespace headscope
