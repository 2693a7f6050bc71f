#include "core/text/charsmap.h"

#include <utility>

#include "core/text/unicode.h"

namespace headscope {
namespace {

std::uint32_t read_u32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  }
  return value;
}

// The fields of a trie's unit, as Darts-clone lays them out.
constexpr bool has_leaf(std::uint32_t unit) {
  return ((unit >> 8) & 1) == 1;
}
constexpr std::uint32_t value_of(std::uint32_t unit) {
  return unit & 0x7fffffffu;
}
constexpr std::uint32_t label_of(std::uint32_t unit) {
  return unit & 0x800000ffu;
}
constexpr std::uint32_t offset_of(std::uint32_t unit) {
  return (unit >> 10) << ((unit & 0x200u) >> 6);
}

}  // namespace

Result<Charsmap> Charsmap::read(std::string_view bytes, std::string where) {
  Charsmap map;
  const std::size_t size = bytes.size() >= 4 ? read_u32(bytes, 0) : 0;
  if (size < 4 || size % 4 != 0 || size > bytes.size() - 4) {
    return bad_input(where + ": precompiled_charsmap has " + std::to_string(bytes.size()) +
                     " bytes, which do not hold the table they announce");
  }
  map.trie_.reserve(size / 4);
  for (std::size_t at = 4; at < 4 + size; at += 4) map.trie_.push_back(read_u32(bytes, at));
  map.replacements_ = bytes.substr(4 + size);
  if (unicode::valid_prefix(map.replacements_) != map.replacements_.size()) {
    return bad_input(where + ": the replacements in precompiled_charsmap are not valid UTF-8");
  }
  map.where_ = std::move(where);
  return map;
}

std::optional<std::uint32_t> Charsmap::find(std::string_view text) const {
  // Units outside the table read as 0, whose label is no byte that is looked for.
  std::uint32_t node = offset_of(unit(0));
  for (const char byte : text) {
    const std::uint32_t label = static_cast<unsigned char>(byte);
    if (label == 0) break;
    node ^= label;
    const std::uint32_t found = unit(node);
    if (label_of(found) != label) break;
    node ^= offset_of(found);
    if (has_leaf(found)) return value_of(unit(node));
  }
  return {};
}

Result<std::optional<std::string_view>> Charsmap::replacement(std::string_view text) const {
  const std::optional<std::uint32_t> at = find(text);
  if (!at) return std::nullopt;
  const std::string_view all = replacements_;
  if (*at > all.size() || (*at < all.size() && unicode::continues_character(all[*at]))) {
    return bad_input(where_ + ": precompiled_charsmap points outside its replacements");
  }
  return all.substr(*at, all.find('\0', *at) - *at);
}

}  // namespace headscope
