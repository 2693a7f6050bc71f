#include "core/text/tokenizer.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/text/added_tokens.h"
#include "core/text/byte_level.h"
#include "core/text/post_processor.h"
#include "core/text/token_parts.h"
#include "core/text/token_text.h"
#include "core/text/unicode.h"

namespace headscope {
namespace {

constexpr std::string_view broken = "\xEF\xBF\xBD";  // may become a character with more bytes
constexpr std::size_t max_cached_word = 256;         // bytes; longer words hardly ever come twice

/// Tokens of words met in one call, so that each different word is merged once.
class WordCache {
 public:
  explicit WordCache(const TokenModel& model) : model_(model) {}

  /// The tokens of `word`, whose bytes must stay where they are; valid until the next call.
  Result<std::span<const WordToken>> tokens(std::string_view word) {
    if (word.size() > max_cached_word) {
      uncached_.clear();
      HEADSCOPE_TRY(model_.tokenize(word, uncached_));
      return std::span<const WordToken>(uncached_);
    }
    const auto [place, is_new] = places_.try_emplace(word, Place{});
    if (is_new) {
      place->second.begin = pool_.size();
      HEADSCOPE_TRY(model_.tokenize(word, pool_));
      place->second.count = pool_.size() - place->second.begin;
    }
    return std::span<const WordToken>(pool_).subspan(place->second.begin, place->second.count);
  }

 private:
  struct Place {
    std::size_t begin = 0;
    std::size_t count = 0;
  };
  const TokenModel& model_;
  std::unordered_map<std::string_view, Place> places_;
  std::vector<WordToken> pool_;
  std::vector<WordToken> uncached_;
};

/// Files of old versions name no type: the fields tell.
Result<std::string> model_type(const JsonObject& model) {
  const Json* vocabulary = model.find("vocab");
  const bool scored = vocabulary != nullptr && vocabulary->is_array();
  return model.string_or("type", model.has("merges") ? "BPE" : scored ? "Unigram" : "");
}

Result<std::unique_ptr<TokenModel>> read_model(const JsonObject& model, const std::string& type,
                                               const Vocabulary& vocabulary) {
  if (type == "BPE") return read_bpe(model, vocabulary);
  if (type == "Unigram") return read_unigram(model, vocabulary);
  if (type == "WordPiece") return read_word_piece(model, vocabulary);
  if (type == "WordLevel") return read_word_level(model, vocabulary);
  return tl::unexpected(unsupported(model, "model", type));
}

}  // namespace

struct Tokenizer::Impl {
  Vocabulary vocabulary;
  std::unique_ptr<TokenModel> model;  ///< refers to the vocabulary
  std::unique_ptr<Normalizer> normalizer;
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  PostProcessor post_processor;
  std::unique_ptr<Decoder> decoder;
  TokenSpelling spelling;
  AddedTokens added;
  std::string sha256;

  static Result<std::shared_ptr<const Impl>> read(std::string_view text, const std::string& name);
  Result<Encoding> encode(std::string_view text, bool add_special_tokens) const;
  Result<> tokenize(const AlignedText& aligned, Encoding& encoding,
                    std::vector<std::string_view>* token_texts) const;
  /// The token as decoders see it: an added token as the normalizer leaves it, as in the reference.
  /// Null for an id outside the vocabulary.
  const std::string* spelled(std::int32_t id) const {
    const AddedToken* token = added.find(id);
    return token ? &token->pattern : vocabulary.text(id);
  }
  std::string bytes_of(const std::string& token) const;
};

Result<std::shared_ptr<const Tokenizer::Impl>> Tokenizer::Impl::read(std::string_view text,
                                                                     const std::string& name) {
  HEADSCOPE_ASSIGN(const Json json, parse_json(text, name));
  HEADSCOPE_ASSIGN(const JsonObject root, JsonObject::open(json, name));
  HEADSCOPE_ASSIGN(const JsonObject model, root.object("model"));
  auto impl = std::make_shared<Impl>();
  for (const char* part : {"normalizer", "pre_tokenizer", "post_processor", "decoder"})
    HEADSCOPE_TRY(check_steps(root, part));
  HEADSCOPE_ASSIGN(impl->normalizer, read_normalizer(root, "normalizer"));
  HEADSCOPE_ASSIGN(impl->pre_tokenizer, read_pre_tokenizer(root, "pre_tokenizer"));
  HEADSCOPE_ASSIGN(impl->post_processor, PostProcessor::read(root, "post_processor"));
  HEADSCOPE_ASSIGN(impl->decoder, read_decoder(root, "decoder", impl->spelling));
  HEADSCOPE_ASSIGN(const std::string type, model_type(model));
  HEADSCOPE_ASSIGN(impl->vocabulary, type == "Unigram" ? Vocabulary::read_scored(model, "vocab")
                                                       : Vocabulary::read(model, "vocab"));
  HEADSCOPE_ASSIGN(impl->model, read_model(model, type, impl->vocabulary));
  const PatternTime time(text.size());
  HEADSCOPE_ASSIGN(impl->added, AddedTokens::read(root, impl->vocabulary, impl->normalizer.get()));
  impl->sha256 = sha256_hex(text);
  return impl;
}

Result<> Tokenizer::Impl::tokenize(const AlignedText& aligned, Encoding& encoding,
                                   std::vector<std::string_view>* token_texts) const {
  WordCache cache(*model);
  const std::vector<Origin>& origins = aligned.origins();
  const auto push = [&](std::int32_t id, std::size_t begin, std::size_t end, bool unknown) {
    encoding.ids.push_back(id);
    encoding.offsets.push_back({origins[begin].begin, origins[end - 1].end});
    encoding.special.push_back(0);
    encoding.unknown.push_back(unknown ? 1 : 0);
  };
  for (const Piece& piece : aligned.pieces()) {
    const std::string_view word = aligned.text_of(piece);
    if (piece.token >= 0) {
      push(piece.token, piece.begin, piece.end, false);
      if (token_texts) token_texts->push_back(word);
      continue;
    }
    HEADSCOPE_ASSIGN(const std::span<const WordToken> tokens, cache.tokens(word));
    for (const WordToken& token : tokens) {
      push(token.id, piece.begin + token.begin, piece.begin + token.end, token.unknown);
      if (token_texts) token_texts->push_back(*vocabulary.text(token.id));
    }
  }
  return {};
}

Result<Encoding> Tokenizer::Impl::encode(std::string_view text, bool add_special_tokens) const {
  if (text.size() > std::numeric_limits<std::uint32_t>::max() / 4) {
    return bad_input("the text has " + std::to_string(text.size()) + " bytes, more than one GiB");
  }
  if (const std::size_t valid = unicode::valid_prefix(text); valid != text.size()) {
    return bad_input("the text is not valid UTF-8 at byte " + std::to_string(valid));
  }
  const PatternTime time(text.size());
  AlignedText aligned(text);
  HEADSCOPE_TRY(added.cut(aligned, false));
  if (normalizer) HEADSCOPE_TRY(normalizer->apply(aligned));
  HEADSCOPE_TRY(added.cut(aligned, true));
  if (pre_tokenizer) HEADSCOPE_TRY(pre_tokenizer->apply(aligned));
  Encoding encoding;
  std::vector<std::string_view> token_texts;
  HEADSCOPE_TRY(
      tokenize(aligned, encoding, post_processor.needs_token_texts() ? &token_texts : nullptr));
  post_processor.apply(text, token_texts, add_special_tokens, encoding);
  return encoding;
}

std::string Tokenizer::Impl::bytes_of(const std::string& token) const {
  if (spelling.byte_fallback) {
    if (const auto byte = fallback_byte(token)) return std::string(1, static_cast<char>(*byte));
  }
  if (spelling.byte_level) return byte_level::decode(token).value_or(token);
  std::string text = token;
  for (const auto& [from, to] : spelling.replaced) text = replaced(text, from, to);
  return text;
}

Tokenizer::Tokenizer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Result<Tokenizer> Tokenizer::load(const std::filesystem::path& file_or_folder) {
  std::error_code code;
  const bool is_folder = std::filesystem::is_directory(file_or_folder, code);
  const std::filesystem::path path = is_folder ? file_or_folder / "tokenizer.json" : file_or_folder;
  HEADSCOPE_ASSIGN(const std::string text, read_text_file(path, gibibyte));
  return from_json(text, path.string());
}

Result<Tokenizer> Tokenizer::from_json(std::string_view text, std::string name) {
  HEADSCOPE_ASSIGN(std::shared_ptr<const Impl> impl, Impl::read(text, name));
  return Tokenizer(std::move(impl));
}

Result<Encoding> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  return impl_->encode(text, add_special_tokens);
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool skip_special) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const std::int32_t id : ids) {
    if (!is_left_out(id, skip_special)) tokens.push_back(*impl_->spelled(id));
  }
  const PatternTime time(0);
  if (impl_->decoder) impl_->decoder->apply(tokens);
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0 && !impl_->decoder) text += ' ';  // the reference's way without a decoder
    text += tokens[i];
  }
  return text;
}

std::string Tokenizer::token_text(std::int32_t id) const {
  const std::string* token = impl_->spelled(id);
  return token ? impl_->bytes_of(*token) : std::string();
}

std::string Tokenizer::token_label(std::int32_t id) const {
  const std::string bytes = token_text(id);
  std::string label;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::string_view rest = std::string_view(bytes).substr(at);
    const std::size_t length = std::min(unicode::length_of(rest[0]), rest.size());
    const bool valid = unicode::valid_prefix(rest.substr(0, length)) == length;
    const auto byte = static_cast<unsigned char>(rest[0]);
    if (byte == '\n') {
      label += "\xE2\x86\xB5";  // ↵
    } else if (!valid || byte < 0x20 || byte == 0x7f) {
      label += fallback_token(byte);
    } else {
      label += rest.substr(0, length);
    }
    at += valid ? length : 1;
  }
  return label;
}

std::optional<std::string> Tokenizer::id_to_token(std::int32_t id) const {
  if (const AddedToken* token = impl_->added.find(id)) return token->content;
  const std::string* text = impl_->vocabulary.text(id);
  return text ? std::optional(*text) : std::nullopt;
}

std::optional<std::int32_t> Tokenizer::token_to_id(std::string_view token) const {
  if (const AddedToken* added = impl_->added.find(token)) return added->id;
  const std::int32_t id = impl_->vocabulary.find(token);
  return id >= 0 ? std::optional(id) : std::nullopt;
}

std::int64_t Tokenizer::vocab_size() const {
  std::int64_t end = std::max(impl_->vocabulary.end_id(), impl_->post_processor.end_id());
  if (!impl_->added.all().empty()) {
    end = std::max<std::int64_t>(end, impl_->added.all().rbegin()->first + 1);
  }
  return end;
}

bool Tokenizer::is_special(std::int32_t id) const {
  const AddedToken* token = impl_->added.find(id);
  return token && token->special;
}

std::vector<std::int32_t> Tokenizer::special_ids() const {
  std::vector<std::int32_t> ids;
  for (const auto& [id, token] : impl_->added.all()) {
    if (token.special) ids.push_back(id);
  }
  return ids;
}

std::int64_t Tokenizer::prefix_length() const {
  return impl_->post_processor.prefix_length();
}

std::optional<std::int32_t> Tokenizer::unknown_id() const {
  const std::int32_t id = impl_->model->unknown_id();
  return id >= 0 ? std::optional(id) : std::nullopt;
}

bool Tokenizer::is_byte_token(std::int32_t id) const {
  const std::string* token = impl_->spelling.byte_fallback ? impl_->spelled(id) : nullptr;
  return token && fallback_byte(*token).has_value();
}

bool Tokenizer::is_left_out(std::int32_t id, bool skip_special) const {
  const std::string* token = impl_->spelled(id);
  return !token || (skip_special && impl_->added.is_special(*token));
}

bool Tokenizer::decodes_piecewise() const {
  return impl_->spelling.piecewise;
}

const std::string& Tokenizer::sha256() const {
  return impl_->sha256;
}

// ---- StreamDecoder ----

StreamDecoder::StreamDecoder(Tokenizer tokenizer, bool skip_special)
    : tokenizer_(std::move(tokenizer)), skip_special_(skip_special) {}

std::string StreamDecoder::push(std::int32_t id) {
  if (tokenizer_.is_left_out(id, skip_special_)) return {};  // must not seem to end a run of bytes
  ids_.push_back(id);
  return advance(false);
}

std::string StreamDecoder::finish() {
  return advance(true);
}

std::string StreamDecoder::advance(bool at_end) {
  if (!at_end && !tokenizer_.decodes_piecewise()) return {};
  std::size_t certain = ids_.size();
  // A run of byte tokens is text or garbage as a whole: it waits for its end.
  while (!at_end && certain > 0 && tokenizer_.is_byte_token(ids_[certain - 1])) --certain;
  std::string text = tokenizer_.decode(std::span(ids_).first(certain), skip_special_);
  const std::size_t whole = text.size();
  while (!at_end && text.ends_with(broken)) text.resize(text.size() - broken.size());
  std::string added;
  if (text.size() > shown_of_ids_) added = text.substr(shown_of_ids_);
  shown_ += added;
  shown_of_ids_ += added.size();
  if (!at_end && certain == ids_.size() && whole == shown_of_ids_) forget_what_is_settled();
  return added;
}

/// The text of all ids is shown and ends with a whole character. What follows depends on no more
/// than that there is text before it: one token stands for all of that. So the time a push takes
/// does not grow with the text.
void StreamDecoder::forget_what_is_settled() {
  constexpr std::size_t many = 32;
  if (ids_.size() < many) return;
  const std::string last = tokenizer_.decode(std::span(ids_).last(1), skip_special_);
  if (last.empty() || last.ends_with(broken)) return;
  ids_.erase(ids_.begin(), ids_.end() - 1);
  shown_of_ids_ = last.size();
}

}  // namespace headscope
