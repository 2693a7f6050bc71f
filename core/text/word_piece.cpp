// Longest known pieces of a word, from its beginning: BERT's model.
#include <utility>

#include "core/text/byte_trie.h"
#include "core/text/token_parts.h"
#include "core/text/unicode.h"

namespace headscope {
namespace {

class WordPiece final : public TokenModel {
 public:
  WordPiece(const Vocabulary& vocabulary, std::string unknown_token, std::string prefix,
            std::int64_t longest_word)
      : vocabulary_(vocabulary),
        unknown_token_(std::move(unknown_token)),
        unknown_id_(vocabulary.find(unknown_token_)),
        prefix_(std::move(prefix)),
        longest_word_(longest_word) {}

  /// False: one is too long.
  [[nodiscard]] bool read_pieces() {
    for (std::int64_t id = 0; id < vocabulary_.end_id(); ++id) {
      const std::string* text = vocabulary_.text(static_cast<std::int32_t>(id));
      if (text != nullptr && !pieces_.insert(*text, static_cast<std::int32_t>(id))) return false;
    }
    inside_ = pieces_.below(ByteTrie::root, prefix_);
    return true;
  }

  Result<> tokenize(std::string_view word, std::vector<WordToken>& tokens) const override {
    const std::size_t count = tokens.size();
    if (!is_too_long(word) && add_pieces(word, tokens)) return {};
    tokens.resize(count);
    if (unknown_id_ < 0) {
      return bad_input("the tokenizer's unk_token '" + unknown_token_ +
                       "' is not in its vocabulary, and the text holds words that need it");
    }
    tokens.push_back({unknown_id_, 0, static_cast<std::uint32_t>(word.size()), true});
    return {};
  }
  std::int32_t unknown_id() const override { return unknown_id_; }

 private:
  bool is_too_long(std::string_view word) const {
    std::int64_t characters = 0;
    for (std::size_t at = 0; at < word.size() && characters <= longest_word_; ++characters) {
      unicode::next(word, at);
    }
    return characters > longest_word_;
  }

  /// False when a part of the word is no piece.
  bool add_pieces(std::string_view word, std::vector<WordToken>& tokens) const {
    for (std::size_t begin = 0; begin < word.size();) {
      std::uint64_t node = begin > 0 ? inside_ : ByteTrie::root;
      std::int32_t id = -1;
      std::size_t end = begin;
      for (std::size_t at = begin; at < word.size() && node != ByteTrie::missing;) {
        node = pieces_.below(node, word[at++]);
        if (node == ByteTrie::missing || pieces_.id(node) < 0) continue;
        id = pieces_.id(node);
        end = at;
      }
      if (id < 0) return false;
      tokens.push_back(
          {id, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), false});
      begin = end;
    }
    return true;
  }

  const Vocabulary& vocabulary_;
  std::string unknown_token_;
  std::int32_t unknown_id_;
  std::string prefix_;
  std::int64_t longest_word_;  ///< characters
  ByteTrie pieces_;
  std::uint64_t inside_ = ByteTrie::missing;  ///< where pieces after the first begin
};

}  // namespace

Result<std::unique_ptr<TokenModel>> read_word_piece(const JsonObject& object,
                                                    const Vocabulary& vocabulary) {
  HEADSCOPE_ASSIGN(std::string unknown, object.string("unk_token"));
  HEADSCOPE_ASSIGN(std::string prefix, object.string("continuing_subword_prefix"));
  HEADSCOPE_ASSIGN(const std::int64_t longest,
                   object.integer("max_input_chars_per_word", 0, 10'000));
  auto model =
      std::make_unique<WordPiece>(vocabulary, std::move(unknown), std::move(prefix), longest);
  if (!model->read_pieces()) return tl::unexpected(object.wrong("vocab", ByteTrie::expected));
  return model;
}

}  // namespace headscope
