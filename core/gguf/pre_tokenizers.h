// How byte-level BPE tokenizers of GGUF files cut texts into words: "tokenizer.ggml.pre".
#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace headscope {
/// What a name stands for beside its expression.
struct NamedPreTokenizer {
  bool ignore_merges = false;  ///< a word that is a token needs no merges
  bool begins_text = false;  ///< a text begins with the token "bos" unless the file says otherwise
  bool composes = false;     ///< texts are normalised to NFC first
};

/// What `name` stands for, null when it is not known.
const NamedPreTokenizer* find_pre_tokenizer(std::string_view name);
/// The "pre_tokenizer" of a tokenizer.json; `name` must be known.
nlohmann::json pre_tokenizer_json(std::string_view name);

}  // namespace headscope
