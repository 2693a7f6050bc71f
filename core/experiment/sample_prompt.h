// A sample of a data set as the model sees it: ids and key sets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/analysis/head_scores.h"
#include "core/base/error.h"
#include "core/intervention/spec.h"
#include "core/text/chat_prompt.h"
#include "core/text/prompt.h"
#include "core/text/tokenizer.h"

namespace headscope {
/// A sample as text and tokens, with the tokens of its documents.
struct SamplePrompt {
  BuiltPrompt built;
  Encoding encoding;
  TokenSet gold;                 ///< tokens of the gold documents (G); empty = none
  std::vector<TokenSet> others;  ///< tokens of every other document (D_1..D_n)

  std::int64_t tokens() const { return static_cast<std::int64_t>(encoding.size()); }
  /// Key sets for span sums: gold if there is any, the others, the sink {0,1}.
  std::vector<TokenSet> span_sets() const;
  /// What span_sets hold, as scores_from_span_sums wants to know it.
  SpanLayout layout() const;
};

/// Builds the prompt of method.md 6 and tokenises it, with special tokens or within a chat
/// template.
Result<SamplePrompt> make_sample_prompt(const QaSample& sample, PromptKind kind,
                                        const PromptEncoder& encoder);

}  // namespace headscope
