// SentencePiece's compiled table of replacements ("precompiled_charsmap").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"

namespace headscope {

/// A double-array trie from texts to replacements. The file's bytes: size of the trie (u32), the
/// trie (u32 each, little-endian), then the replacements, each ended by a zero byte.
class Charsmap {
 public:
  /// `where` begins the messages. Damaged bytes are bad_input, here or when they are used.
  static Result<Charsmap> read(std::string_view bytes, std::string where);

  /// What stands for `text`: the replacement of its shortest known prefix, as in the reference.
  /// Valid UTF-8.
  Result<std::optional<std::string_view>> replacement(std::string_view text) const;

 private:
  std::optional<std::uint32_t> find(std::string_view text) const;
  std::uint32_t unit(std::size_t at) const { return at < trie_.size() ? trie_[at] : 0; }

  std::vector<std::uint32_t> trie_;
  std::string replacements_;
  std::string where_;
};

}  // namespace headscope
