// Hugging Face `tokenizer.json`: text to token ids with exact byte spans, and back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"

namespace headscope {

/// Result of encoding one text; all vectors have one entry per token.
struct Encoding {
  std::vector<std::int32_t> ids;
  std::vector<ByteSpan> offsets;      ///< UTF-8 bytes of the given text; (0,0) for template tokens
  std::vector<std::uint8_t> special;  ///< 1: inserted by the template, no text of the user's
  std::vector<std::uint8_t> unknown;  ///< 1: the unknown token stands for this text

  std::size_t size() const { return ids.size(); }
};

/// Cheap to copy (shared state); const use from several threads is safe.
///
/// Ids, offsets and texts equal those of the Python library `tokenizers` (0.23), but for this:
/// where a model drops characters or holds an unknown one back, or a Precompiled normalizer drops
/// the first characters of a text, offsets here stay true (the reference's shift); and characters
/// newer than Unicode 14 are cut by regular expressions as unassigned.
///
/// Understood: models BPE, Unigram, WordPiece, WordLevel; normalizers NFC, NFD, NFKC, NFKD,
/// Lowercase, StripAccents, Strip, Prepend, Replace, ByteLevel, Precompiled, BertNormalizer,
/// Sequence; pre-tokenizers Split, ByteLevel, Metaspace, Digits, Punctuation, Whitespace,
/// WhitespaceSplit, BertPreTokenizer, Sequence; post-processors TemplateProcessing, ByteLevel,
/// RobertaProcessing, BertProcessing, Sequence; decoders ByteLevel, ByteFallback, Fuse, Replace,
/// Strip, Metaspace, BPEDecoder, WordPiece, Sequence. Refused by name: all others (Nmt,
/// CharDelimiterSplit, UnicodeScripts, CTC, ...), and of BPE dropout and byte_fallback together
/// with a prefix or suffix of subwords. "truncation" and "padding" do not apply: texts are encoded
/// whole.
class Tokenizer {
 public:
  /// `tokenizer.json`, or a model folder that holds one. Anything in the file that is not
  /// understood is refused by name ("pre_tokenizer type 'X' is not supported").
  static Result<Tokenizer> load(const std::filesystem::path& file_or_folder);
  /// From the text of a tokenizer.json; `name` begins the messages.
  static Result<Tokenizer> from_json(std::string_view text, std::string name);

  /// Text that is not valid UTF-8 is bad_input, as is a text on which the file's regular
  /// expression exceeds its step limit.
  Result<Encoding> encode(std::string_view text, bool add_special_tokens = true) const;

  /// Ids outside the vocabulary are skipped, as the reference does. Bytes that are no valid UTF-8
  /// become U+FFFD.
  std::string decode(std::span<const std::int32_t> ids, bool skip_special = true) const;

  /// What one token stands for, as bytes (byte-level marks undone, U+2581 as space); may be a part
  /// of a UTF-8 character. Empty for an id outside the vocabulary.
  std::string token_text(std::int32_t id) const;
  /// The same for labels: valid UTF-8, bytes of a broken character as <0xE2>, "\n" as the symbol ↵.
  std::string token_label(std::int32_t id) const;
  /// The token as the vocabulary spells it ("Ġworld").
  std::optional<std::string> id_to_token(std::int32_t id) const;
  std::optional<std::int32_t> token_to_id(std::string_view token) const;  ///< and back

  /// Largest id + 1, added tokens included.
  std::int64_t vocab_size() const;
  bool is_special(std::int32_t id) const;         ///< an added token with "special": true
  std::vector<std::int32_t> special_ids() const;  ///< ascending
  /// How many special tokens the template puts before a single text (the offset of its first
  /// token).
  std::int64_t prefix_length() const;
  std::optional<std::int32_t> unknown_id() const;  ///< of the unknown token
  /// A byte-fallback token ("<0xE2>") of a file whose decoder joins such bytes.
  bool is_byte_token(std::int32_t id) const;
  /// Decoding leaves this id out: it is outside the vocabulary, or special and those are skipped.
  bool is_left_out(std::int32_t id, bool skip_special) const;
  /// More tokens only add text: the file's decoder changes none that is there already.
  bool decodes_piecewise() const;
  /// SHA-256 of the file's bytes, for passports.
  const std::string& sha256() const;

  struct Impl;

 private:
  explicit Tokenizer(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

/// Decodes a growing sequence and never shows half a character: pushes return the text that has
/// become certain, `finish` what is left. The concatenation equals `Tokenizer::decode` of all ids.
/// Where the file's decoder does not work piecewise, all the text comes with `finish`.
class StreamDecoder {
 public:
  explicit StreamDecoder(Tokenizer tokenizer, bool skip_special = true);
  std::string push(std::int32_t id);                  ///< text that has become certain
  std::string finish();                               ///< what was held back
  const std::string& text() const { return shown_; }  ///< everything returned so far

 private:
  std::string advance(bool at_end);
  void forget_what_is_settled();

  Tokenizer tokenizer_;
  bool skip_special_;
  std::vector<std::int32_t> ids_;  ///< the latest: what is before them is settled
  std::size_t shown_of_ids_ = 0;   ///< bytes of their text that have been returned
  std::string shown_;
};

}  // namespace headscope
