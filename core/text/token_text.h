// Small helpers on the texts of tokens.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace headscope {

/// The byte of a byte-fallback token "<0xE2>"; nothing for other texts.
std::optional<unsigned char> fallback_byte(std::string_view token);
/// "<0xE2>", upper-case digits.
std::string fallback_token(unsigned char byte);
/// Every `from` by `to`; an empty `from` changes nothing.
std::string replaced(std::string_view text, std::string_view from, std::string_view to);

}  // namespace headscope
