// Longest known pieces of a word, from its beginning: BERT's model.
#include <algorithm>
#include <utility>

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
        longest_word_(longest_word) {
    for (std::int64_t id = 0; id < vocabulary.end_id(); ++id) {
      const std::string* text = vocabulary.text(static_cast<std::int32_t>(id));
      if (text) longest_piece_ = std::max(longest_piece_, text->size());
    }
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
    std::string piece;
    for (std::size_t begin = 0; begin < word.size();) {
      std::size_t end = std::min(word.size(), begin + longest_piece_);
      while (end < word.size() && unicode::continues_character(word[end])) --end;
      std::int32_t id = -1;
      while (end > begin) {
        piece = begin > 0 ? prefix_ : std::string();
        piece += word.substr(begin, end - begin);
        id = vocabulary_.find(piece);
        if (id >= 0) break;
        end = unicode::previous(word, end);
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
  std::int64_t longest_word_;      ///< characters
  std::size_t longest_piece_ = 0;  ///< bytes, its prefix among them
};

}  // namespace

Result<std::unique_ptr<TokenModel>> read_word_piece(const JsonObject& model,
                                                    const Vocabulary& vocabulary) {
  HEADSCOPE_ASSIGN(std::string unknown, model.string("unk_token"));
  HEADSCOPE_ASSIGN(std::string prefix, model.string("continuing_subword_prefix"));
  HEADSCOPE_ASSIGN(const std::int64_t longest,
                   model.integer("max_input_chars_per_word", 0, 10'000));
  return std::make_unique<WordPiece>(vocabulary, std::move(unknown), std::move(prefix), longest);
}

}  // namespace headscope
