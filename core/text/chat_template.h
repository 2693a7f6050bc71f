// The checkpoint's own chat template: how a conversation is written for this model.
#pragma once

#include <ctime>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/error.h"

namespace headscope {
/// One turn of a conversation.
struct ChatMessage {
  std::string role;  ///< "user", "system", "assistant", or what the template knows besides
  std::string content;
};
/// What a template is told beside the conversation.
struct ChatOptions {
  bool add_generation_prompt = true;  ///< ends where the model's answer begins
  std::optional<std::time_t> now;     ///< what strftime_now sees; unset: the clock
};

/// A Jinja template, read once, rendered as `apply_chat_template` of the Python library
/// transformers does it (jinja2's ImmutableSandboxedEnvironment with trim_blocks, lstrip_blocks and
/// loop controls). Templates are programs by strangers: steps, recursion, nesting and the size of
/// texts are bounded, and every failure is an error value that names the line. Cheap to copy; const
/// use from several threads is safe.
class ChatTemplate {
 public:
  /// `special_tokens` are variables of the template: "bos_token" -> "<s>". `name` begins the
  /// messages. Errors: not UTF-8, not Jinja, or a statement that is not supported.
  static Result<ChatTemplate> from_text(std::string_view source,
                                        std::map<std::string, std::string> special_tokens,
                                        std::string name);

  /// From a model folder: chat_template.jinja, else "chat_template" of tokenizer_config.json (a
  /// text, or a list of named texts of which "default" is taken), with the special tokens of
  /// tokenizer_config.json and special_tokens_map.json. Nothing when the folder has no template.
  static Result<std::optional<ChatTemplate>> load(const std::filesystem::path& folder);

  /// The conversation as one text. Errors: what the template raises ("System role not supported"),
  /// what it does that is not supported, and what exceeds its budget.
  Result<std::string> render(std::span<const ChatMessage> messages,
                             const ChatOptions& options = {}) const;

  const std::string& source() const;  ///< the Jinja text
  /// First twelve digits of the SHA-256 of the source, for passports.
  std::string fingerprint() const;

  struct Impl;

 private:
  explicit ChatTemplate(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace headscope
