// Tokens of prompt and response by their position.
#pragma once

#include "core/engine/snapshot.h"

namespace headscope {

/// The token at a position of the prompt or, behind it, of the run's response; null beyond both.
inline const TokenView* token_at(const PromptView& prompt, const RunResult& run,
                                 std::int64_t position) {
  if (position < 0) return nullptr;
  if (position < prompt.prompt_tokens()) return &prompt.tokens[static_cast<std::size_t>(position)];
  const auto index = static_cast<std::size_t>(position - prompt.prompt_tokens());
  return index < run.response.size() ? &run.response[index] : nullptr;
}

}  // namespace headscope
