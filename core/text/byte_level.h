// GPT-2's table: every byte has a printable character, so that any text is made of vocabulary.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/text/aligned_text.h"

namespace headscope::byte_level {

/// Writes each byte of the piece as its character, with the origin of the byte's character.
void encode(PieceRewriter& piece);
/// The bytes of a token; nothing when it holds a character that is not in the table.
std::optional<std::string> decode(std::string_view token);
/// The character of a byte, as UTF-8.
std::string_view character(unsigned char byte);

/// How words are cut where the file gives no expression of its own.
inline constexpr const char* word_expression =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

}  // namespace headscope::byte_level
