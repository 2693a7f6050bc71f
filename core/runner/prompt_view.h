// The tokenised prompt as the window draws it.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/base/error.h"
#include "core/engine/snapshot.h"
#include "core/intervention/spec.h"
#include "core/text/chat_prompt.h"
#include "core/text/prompt.h"
#include "core/text/tokenizer.h"

namespace headscope {

/// Tokenises `prompt` and finds its documents. Errors: empty prompt, more tokens than
/// `context_length`, text that the tokenizer or the chat template of `encoder` refuses.
Result<std::shared_ptr<const PromptView>> make_prompt_view(const PromptRequest& prompt,
                                                           const PromptEncoder& encoder,
                                                           std::int64_t context_length);

/// The same from what was tokenised already; ids alone have neither text nor places.
std::shared_ptr<PromptView> prompt_view_of(std::string text, const Encoding& encoding,
                                           const std::vector<DocumentSpan>& documents,
                                           const Tokenizer& tokenizer);

/// Tokens of a response: they have no place in the prompt's text.
std::vector<TokenView> response_tokens(std::span<const std::int32_t> ids,
                                       const Tokenizer& tokenizer);

/// Ids of the prompt's tokens.
std::vector<std::int32_t> prompt_ids(const PromptView& prompt);

/// Key sets of span sums: every document's tokens, then the sink {0,1}.
std::vector<TokenSet> document_sets(const PromptView& prompt);

}  // namespace headscope
