// The tokenizer and the chat template that a GGUF file carries. Torch-free.
#pragma once

#include <optional>
#include <string>

#include "core/base/error.h"
#include "core/gguf/gguf_file.h"

namespace headscope {

/// Text of a tokenizer.json with the same ids, for Tokenizer::from_json. Kinds: "llama" (pieces
/// with scores) and "gpt2" (byte-level BPE) with a pre-tokenizer that is known by name; others are
/// refused by name.
Result<std::string> gguf_tokenizer_json(const GgufFile& file);

/// A template and the texts that it may ask for.
struct GgufChatTemplate {
  std::string text;
  std::string bos_token, eos_token;  ///< empty = none
};
Result<std::optional<GgufChatTemplate>> gguf_chat_template(const GgufFile& file);

}  // namespace headscope
