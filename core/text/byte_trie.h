// Tokens found byte by byte from a place of a text on.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/text/flat_map.h"

namespace headscope {

/// A trie of texts with their ids. Going down costs a step a byte, at most `longest` from any
/// place.
class ByteTrie {
 public:
  /// Bytes of a text. Real vocabularies stay far below; files of strangers could make every place
  /// of a text cost as much as the text is long.
  static constexpr std::size_t longest = 512;
  static constexpr std::string_view expected = "tokens of at most 512 bytes";
  static constexpr std::uint64_t root = 0, missing = FlatMap::missing;

  /// Of equal texts the last one counts. False: longer than `longest`.
  [[nodiscard]] bool insert(std::string_view text, std::int32_t id) {
    if (text.size() > longest) return false;
    std::uint64_t node = root;
    for (const char byte : text) {
      const std::uint64_t key = key_of(node, byte);
      if (children_.insert(key, ids_.size())) ids_.push_back(-1);
      node = children_.find(key);
    }
    ids_[node] = id;
    return true;
  }
  /// The node below `node`, or `missing`.
  std::uint64_t below(std::uint64_t node, char byte) const {
    return children_.find(key_of(node, byte));
  }
  /// After all of `bytes`.
  std::uint64_t below(std::uint64_t node, std::string_view bytes) const {
    for (const char byte : bytes) {
      if (node == missing) break;
      node = below(node, byte);
    }
    return node;
  }
  /// Of the text that ends there; -1 = none does.
  std::int32_t id(std::uint64_t node) const { return ids_[node]; }

 private:
  static std::uint64_t key_of(std::uint64_t node, char byte) {
    return (node << 8) | static_cast<unsigned char>(byte);
  }

  FlatMap children_;                   ///< node and byte -> node
  std::vector<std::int32_t> ids_{-1};  ///< by node
};

}  // namespace headscope
