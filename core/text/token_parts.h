// The parts a tokenizer.json is made of, as interfaces, and the readers of their JSON.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/text/aligned_text.h"
#include "core/text/regex.h"

namespace headscope {

/// Rewrites the text before anything is cut.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  /// On every piece that is no added token.
  virtual Result<> apply(AlignedText& text) const = 0;
};

/// A normalizer that works on one piece at a time.
class PieceNormalizer : public Normalizer {
 public:
  Result<> apply(AlignedText& text) const override {
    return text.rewrite([this](const Piece&, PieceRewriter& piece) { return write(piece); });
  }
  virtual Result<> write(PieceRewriter& piece) const = 0;  ///< one piece
};

/// Cuts the text into words.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  /// On every piece that is no added token.
  virtual Result<> apply(AlignedText& text) const = 0;
};

/// One token of a word: bytes [begin, end) of it.
struct WordToken {
  std::int32_t id = 0;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  bool unknown = false;
};

/// Turns one word into tokens.
class TokenModel {
 public:
  virtual ~TokenModel() = default;
  /// Appends to `tokens`. Words are never empty.
  virtual Result<> tokenize(std::string_view word, std::vector<WordToken>& tokens) const = 0;
  virtual std::int32_t unknown_id() const = 0;  ///< -1: the model has none
};

/// Turns token texts into text: a chain of steps over the list of tokens.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual void apply(std::vector<std::string>& tokens) const = 0;  ///< in place
};

/// What the bytes of one token stand for on their own, gathered from the chain of decoders.
struct TokenSpelling {
  bool byte_level = false;     ///< characters stand for bytes (GPT-2's table)
  bool byte_fallback = false;  ///< "<0xE2>" stands for a byte
  std::vector<std::pair<std::string, std::string>> replaced;  ///< "▁" by " "
  double growth = 1;      ///< how many times longer the replacements can make a text
  bool joined = false;    ///< a step has made one text of all tokens
  bool piecewise = true;  ///< more tokens only add text: none that was there changes
};

/// Null values give null pointers. Unknown types and options are refused by name.
Result<std::unique_ptr<Normalizer>> read_normalizer(const JsonObject& root, std::string_view field);
Result<std::unique_ptr<PreTokenizer>> read_pre_tokenizer(const JsonObject& root,
                                                         std::string_view field);
Result<std::unique_ptr<Decoder>> read_decoder(const JsonObject& root, std::string_view field,
                                              TokenSpelling& spelling);

/// The normalizer of type Precompiled.
Result<std::unique_ptr<Normalizer>> read_precompiled(const JsonObject& object);

/// {"String": s} or {"Regex": s} in the field "pattern".
Result<Pattern> read_pattern(const JsonObject& object);
/// bad_input when the part `field` of a file ("normalizer") has more steps than any that is meant:
/// each goes over the whole text.
Result<> check_steps(const JsonObject& root, std::string_view field);
/// "KIND type 'X' is not supported", with the file's name.
Error unsupported(const JsonObject& object, std::string_view kind, std::string_view type);

/// The vocabulary of a model: texts by id and ids by text.
class Vocabulary {
 public:
  /// {"text": id}. Ids are unique and below 2^24.
  static Result<Vocabulary> read(const JsonObject& model, std::string_view field);
  /// [["text", score]]: ids count from 0. A text that comes twice has the last of its ids.
  static Result<Vocabulary> read_scored(const JsonObject& model, std::string_view field);
  /// Text and id; false when either is taken or the id is out of range.
  bool add(std::string text, std::int64_t id);

  std::int32_t find(std::string_view text) const {  ///< -1: not there
    const auto found = ids_.find(text);
    return found == ids_.end() ? -1 : found->second;
  }
  const std::string* text(std::int32_t id) const {  ///< nullptr: not there
    const auto index = static_cast<std::size_t>(id);
    return id >= 0 && index < texts_.size() ? texts_[index] : nullptr;
  }
  std::size_t size() const { return ids_.size(); }
  std::int64_t end_id() const { return static_cast<std::int64_t>(texts_.size()); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> ids_;
  std::vector<const std::string*> texts_;  ///< keys of ids_, which stay where they are
};
/// The "model" of a tokenizer.json, by its type.
Result<std::unique_ptr<TokenModel>> read_bpe(const JsonObject& model, const Vocabulary& vocabulary);
Result<std::unique_ptr<TokenModel>> read_word_level(const JsonObject& model,
                                                    const Vocabulary& vocabulary);
Result<std::unique_ptr<TokenModel>> read_word_piece(const JsonObject& model,
                                                    const Vocabulary& vocabulary);
/// `vocabulary` must come from read_scored.
Result<std::unique_ptr<TokenModel>> read_unigram(const JsonObject& model,
                                                 const Vocabulary& vocabulary);

}  // namespace headscope
