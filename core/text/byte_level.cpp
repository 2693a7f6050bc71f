#include "core/text/byte_level.h"

#include <array>

#include "core/text/unicode.h"

namespace headscope::byte_level {
namespace {

/// Printable Latin-1 stands for itself; the other 68 bytes follow from U+0100 on, in order.
bool stands_for_itself(unsigned byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

struct Table {
  std::array<std::string, 256> characters;
  std::array<int, 0x180> bytes;  ///< by code point; -1: stands for no byte

  Table() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const char32_t point = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
      characters[byte] = unicode::encoded(point);
      bytes[point] = static_cast<int>(byte);
    }
  }
};

const Table& table() {
  static const Table instance;
  return instance;
}

}  // namespace

std::string_view character(unsigned char byte) {
  return table().characters[byte];
}

void encode(PieceRewriter& piece) {
  const Table& known = table();
  const std::string_view text = piece.text();
  for (std::size_t at = 0; at < text.size();) {
    const Origin origin = piece.origin(at);  // of the whole character, for each of its bytes
    const std::size_t end = at + unicode::length_of(text[at]);
    for (; at < end; ++at)
      piece.put(known.characters[static_cast<unsigned char>(text[at])], origin);
  }
}

std::optional<std::string> decode(std::string_view token) {
  const Table& known = table();
  std::string bytes;
  bytes.reserve(token.size());
  for (std::size_t at = 0; at < token.size();) {
    const char32_t point = unicode::next(token, at);
    if (point >= known.bytes.size() || known.bytes[point] < 0) return {};
    bytes += static_cast<char>(known.bytes[point]);
  }
  return bytes;
}

}  // namespace headscope::byte_level
