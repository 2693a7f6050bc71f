#include "core/text/added_tokens.h"

#include <algorithm>
#include <utility>

#include "core/text/unicode.h"

namespace headscope {
namespace {

bool ends_with_word(std::string_view text) {
  if (text.empty()) return false;
  std::size_t at = unicode::previous(text, text.size());
  return unicode::is_word(unicode::next(text, at));
}

bool starts_with_word(std::string_view text) {
  std::size_t at = 0;
  return !text.empty() && unicode::is_word(unicode::next(text, at));
}

/// Start of the white space that ends `text`.
std::size_t trailing_space(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0) {
    const std::size_t last = unicode::previous(text, end);
    std::size_t at = last;
    if (!unicode::is_whitespace(unicode::next(text, at))) break;
    end = last;
  }
  return end;
}

/// Length of the white space that begins `text`.
std::size_t leading_space(std::string_view text) {
  std::size_t end = 0;
  for (std::size_t at = 0; at < text.size(); end = at) {
    if (!unicode::is_whitespace(unicode::next(text, at))) break;
  }
  return end;
}

constexpr std::size_t longest_token = 512;  // bytes; looked for at every place of a text

Result<AddedToken> read_token(const JsonObject& object) {
  AddedToken token;
  HEADSCOPE_ASSIGN(token.content, object.string("content"));
  HEADSCOPE_ASSIGN(const std::int64_t id, object.integer("id", 0, (std::int64_t{1} << 24) - 1));
  token.id = static_cast<std::int32_t>(id);
  HEADSCOPE_ASSIGN(token.single_word, object.boolean("single_word"));
  HEADSCOPE_ASSIGN(token.lstrip, object.boolean("lstrip"));
  HEADSCOPE_ASSIGN(token.rstrip, object.boolean("rstrip"));
  HEADSCOPE_ASSIGN(token.normalized, object.boolean("normalized"));
  HEADSCOPE_ASSIGN(token.special, object.boolean("special"));
  token.pattern = token.content;
  return token;
}

}  // namespace

Result<AddedTokens> AddedTokens::read(const JsonObject& root, const Vocabulary& vocabulary,
                                      const Normalizer* normalizer) {
  AddedTokens added;
  if (!root.has("added_tokens")) return added;
  HEADSCOPE_ASSIGN(const Json* list, root.array("added_tokens"));
  for (std::size_t i = 0; i < list->size(); ++i) {
    HEADSCOPE_ASSIGN(const JsonObject object, root.element("added_tokens", i));
    HEADSCOPE_ASSIGN(AddedToken token, read_token(object));
    if (token.content.empty()) continue;
    const std::int32_t known_id = vocabulary.find(token.content);
    const std::string* known_text = vocabulary.text(token.id);
    if ((known_id >= 0 && known_id != token.id) || (known_text && *known_text != token.content) ||
        added.tokens_.contains(token.id)) {
      return tl::unexpected(
          object.wrong("id", "the id of '" + token.content + "' in the vocabulary, or a free one"));
    }
    if (token.normalized && normalizer) {
      AlignedText content(token.content);
      HEADSCOPE_TRY(normalizer->apply(content));
      token.pattern = content.text();
    }
    if (std::max(token.pattern.size(), token.content.size()) > longest_token) {
      return tl::unexpected(object.wrong(
          "content", "a token of at most " + std::to_string(longest_token) + " bytes"));
    }
    added.ids_.emplace(token.content, token.id);
    if (token.special) added.special_.insert(token.content);
    (token.normalized ? added.normalized_ : added.raw_).add(token.pattern, token.id);
    added.tokens_.emplace(token.id, std::move(token));
  }
  return added;
}

const AddedToken* AddedTokens::find(std::int32_t id) const {
  const auto found = tokens_.find(id);
  return found == tokens_.end() ? nullptr : &found->second;
}

const AddedToken* AddedTokens::find(std::string_view content) const {
  const auto found = ids_.find(content);
  return found == ids_.end() ? nullptr : find(found->second);
}

void AddedTokens::Matcher::add(std::string_view pattern, std::int32_t id) {
  if (pattern.empty()) return;
  std::uint64_t node = 0;
  for (const char byte : pattern) {
    const std::uint64_t key = (node << 8) | static_cast<unsigned char>(byte);
    if (children_.insert(key, ids_.size())) ids_.push_back(-1);
    node = children_.find(key);
  }
  if (ids_[node] < 0) ids_[node] = id;
  first_.set(static_cast<unsigned char>(pattern.front()));
}

std::size_t AddedTokens::Matcher::longest(std::string_view text, std::size_t at,
                                          std::int32_t& id) const {
  if (!first_.test(static_cast<unsigned char>(text[at]))) return 0;
  std::size_t length = 0;
  std::uint64_t node = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    node = children_.find((node << 8) | static_cast<unsigned char>(text[i]));
    if (node == FlatMap::missing) break;
    if (ids_[node] >= 0) {
      id = ids_[node];
      length = i + 1 - at;
    }
  }
  return length;
}

void AddedTokens::find_cuts(const Matcher& matcher, std::string_view text,
                            std::vector<AlignedText::Cut>& cuts) const {
  std::size_t covered = 0;
  std::size_t space_end = 0;  // of the white space that was looked at last
  for (std::size_t at = 0; at < text.size();) {
    std::int32_t id = -1;
    const std::size_t length = matcher.longest(text, at, id);
    if (length == 0) {
      ++at;
      continue;
    }
    std::size_t begin = at;
    std::size_t end = at + length;
    at = end;
    const AddedToken& token = *find(id);
    if (token.single_word &&
        (ends_with_word(text.substr(0, begin)) || starts_with_word(text.substr(end)))) {
      continue;
    }
    // White space that the token before has taken (rstrip) is found again when it is a token
    // itself: the two overlap, as in the reference.
    if (token.lstrip) {
      begin = covered < begin ? covered + trailing_space(text.substr(covered, begin - covered))
                              : covered;
    }
    if (token.rstrip) {
      if (end > space_end) space_end = end + leading_space(text.substr(end));
      end = space_end;
    }
    if (covered < begin) cuts.push_back({covered, begin, -1});
    cuts.push_back({begin, end, id});
    covered = end;
  }
  if (covered < text.size()) cuts.push_back({covered, text.size(), -1});
}

Result<> AddedTokens::cut(AlignedText& text, bool normalized) const {
  const Matcher& matcher = normalized ? normalized_ : raw_;
  // Also without tokens: cutting fixes where each piece begins in the original.
  return text.split([&](std::string_view piece, std::vector<AlignedText::Cut>& cuts) -> Result<> {
    if (matcher.empty()) {
      cuts.push_back({0, piece.size(), -1});
    } else {
      find_cuts(matcher, piece, cuts);
    }
    return {};
  });
}

}  // namespace headscope
