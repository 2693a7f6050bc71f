#include "core/base/base64.h"

#include <openssl/evp.h>

#include <limits>

namespace headscope {
namespace {

constexpr std::size_t max_size = std::numeric_limits<int>::max() / 2;  // OpenSSL counts in int

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string base64_encode(std::string_view bytes) {
  if (bytes.size() > max_size) return {};
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends it with a zero
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes_of(bytes),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0 || text.size() > max_size) return {};
  std::string bytes(text.size() / 4 * 3, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), bytes_of(text),
                                     static_cast<int>(text.size()));
  if (length < 0) return {};
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  if (static_cast<std::size_t>(length) < padding) return {};
  bytes.resize(static_cast<std::size_t>(length) - padding);
  // OpenSSL forgives white space, padding in the middle and left-over bits.
  if (base64_encode(bytes) != text) return {};
  return bytes;
}

}  // namespace headscope
