// A user's text within the chat template: what the model reads, and where the user's bytes are in
// it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "core/base/types.h"
#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"

namespace headscope {
/// A rendered template and the user's text in it.
struct ChatPrompt {
  std::string text;  ///< what the template made of the user's text as the single user message
  ByteSpan place;    ///< where the user's text stands in `text`
  /// The part of the user's text that stands there; shorter than all of it where the template
  /// strips white space.
  ByteSpan kept;
};

/// Renders `user_text` as the single user message, ready for the model's answer. Error: the
/// template changes the text in the middle, or leaves it out, so that byte spans of it cannot be
/// followed.
Result<ChatPrompt> wrap_in_chat(const ChatTemplate& chat, std::string_view user_text,
                                const ChatOptions& options = {});

/// Tokens of the wrapped text; special tokens are those that the template wrote, none are added (as
/// apply_chat_template of transformers does it). Offsets are bytes of the user's text: (0,0),
/// marked special, for tokens of the template alone; a token that spans both keeps its part of the
/// user's text.
Result<Encoding> encode_chat(const Tokenizer& tokenizer, const ChatPrompt& prompt);

/// How a prompt becomes tokens for one model: as it is, with the special tokens of its tokenizer,
/// or as the single user message of its chat template. Offsets are bytes of the prompt in both
/// cases.
class PromptEncoder {
 public:
  PromptEncoder(Tokenizer tokenizer, std::optional<ChatTemplate> chat = std::nullopt)  // NOLINT
      : tokenizer_(std::move(tokenizer)), chat_(std::move(chat)) {}
  /// Errors: those of Tokenizer::encode and wrap_in_chat.
  Result<Encoding> encode(std::string_view prompt) const;
  const Tokenizer& tokenizer() const { return tokenizer_; }
  /// For passports: "none", or "chat " and the template's fingerprint.
  std::string template_name() const;

 private:
  Tokenizer tokenizer_;
  std::optional<ChatTemplate> chat_;
};

}  // namespace headscope
