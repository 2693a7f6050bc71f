// Base64, the standard alphabet with padding (RFC 4648).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace headscope {

/// The bytes that `text` stands for; nothing when it is not what an encoder writes: other
/// characters, missing or misplaced padding, bits left over.
std::optional<std::string> base64_decode(std::string_view text);
std::string base64_encode(std::string_view bytes);

}  // namespace headscope
