// Tokens that are recognised before anything else: special tokens, and words added to a vocabulary.
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/text/aligned_text.h"
#include "core/text/flat_map.h"
#include "core/text/token_parts.h"

namespace headscope {
/// One entry of "added_tokens".
struct AddedToken {
  std::string content;
  std::string pattern;  ///< what is looked for: the content, normalized where the file says so
  std::int32_t id = 0;
  bool single_word = false;
  bool lstrip = false;
  bool rstrip = false;
  bool normalized = false;
  bool special = false;
};
/// All of a file's, by content and by id.
class AddedTokens {
 public:
  /// Reads "added_tokens". Ids must agree with the vocabulary.
  static Result<AddedTokens> read(const JsonObject& root, const Vocabulary& vocabulary,
                                  const Normalizer* normalizer);

  /// Cuts the tokens out of every piece: those that are looked for in the raw text, or those in the
  /// normalized one.
  Result<> cut(AlignedText& text, bool normalized) const;
  /// Null when there is none.
  const AddedToken* find(std::int32_t id) const;
  const AddedToken* find(std::string_view content) const;  ///< by its text
  bool is_special(std::string_view content) const { return special_.contains(content); }
  const std::map<std::int32_t, AddedToken>& all() const { return tokens_; }

 private:
  /// Finds the longest pattern at a position.
  class Matcher {
   public:
    void add(std::string_view pattern, std::int32_t id);
    bool empty() const { return ids_.size() <= 1; }
    /// Length of the longest match at `at`, 0 when there is none.
    std::size_t longest(std::string_view text, std::size_t at, std::int32_t& id) const;

   private:
    FlatMap children_;                   ///< node and byte -> node
    std::vector<std::int32_t> ids_{-1};  ///< by node: the token that ends there
    std::bitset<256> first_;
  };

  void find_cuts(const Matcher& matcher, std::string_view text,
                 std::vector<AlignedText::Cut>& cuts) const;

  std::map<std::int32_t, AddedToken> tokens_;
  std::map<std::string, std::int32_t, std::less<>> ids_;
  std::set<std::string, std::less<>> special_;
  Matcher raw_;
  Matcher normalized_;
};

}  // namespace headscope
