// Unigram language model: the segmentation of a word whose tokens' scores add up to the most.
// Kudo 2018, "Subword Regularization"; the search is Viterbi's.
#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "core/text/byte_trie.h"
#include "core/text/token_parts.h"
#include "core/text/token_text.h"
#include "core/text/unicode.h"

namespace headscope {
namespace {

constexpr double unknown_penalty = 10.0;  ///< below the lowest score of the vocabulary

class Unigram final : public TokenModel {
 public:
  Unigram(const Vocabulary& vocabulary, std::int32_t unknown_id, bool byte_fallback)
      : vocabulary_(vocabulary), unknown_id_(unknown_id) {
    for (unsigned byte = 0; byte < 256; ++byte) {
      byte_ids_[byte] =
          byte_fallback ? vocabulary.find(fallback_token(static_cast<unsigned char>(byte))) : -1;
    }
  }

  /// In the order of ids.
  [[nodiscard]] bool add_token(std::string_view text, double score);  ///< false: too long
  Result<> tokenize(std::string_view word, std::vector<WordToken>& tokens) const override;
  std::int32_t unknown_id() const override { return unknown_id_; }

 private:
  /// The best way to reach a position of the word: its last token.
  struct Step {
    double score = 0;  ///< of the whole way
    std::int32_t id = -1;
    std::uint32_t begin = none;
    static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
    void offer(double new_score, std::int32_t new_id, std::uint32_t new_begin) {
      if (begin == none || new_score > score) *this = {new_score, new_id, new_begin};
    }
  };

  /// Offers every token that begins at `at`; tells whether one of them is the single character.
  bool offer_tokens(std::string_view word, std::size_t at, std::size_t character_end,
                    std::vector<Step>& steps) const;
  Result<std::vector<Step>> best_steps(std::string_view word) const;
  Result<> emit(std::string_view word, std::uint32_t begin, std::uint32_t end,
                std::vector<WordToken>& tokens) const;
  Error no_unknown() const {
    return {ErrorKind::bad_input,
            "the tokenizer has no unk_id, and the text holds characters that need it"};
  }

  const Vocabulary& vocabulary_;
  std::int32_t unknown_id_;
  std::vector<double> scores_;  ///< by id
  double lowest_ = std::numeric_limits<double>::infinity();
  ByteTrie trie_;
  std::array<std::int32_t, 256> byte_ids_{};
};

bool Unigram::add_token(std::string_view text, double score) {
  const auto id = static_cast<std::int32_t>(scores_.size());
  scores_.push_back(score);
  lowest_ = std::min(lowest_, score);
  return trie_.insert(text, id);  // the last of equal texts, as in the vocabulary
}

bool Unigram::offer_tokens(std::string_view word, std::size_t at, std::size_t character_end,
                           std::vector<Step>& steps) const {
  bool has_single = false;
  std::uint64_t node = ByteTrie::root;
  for (std::size_t end = at; end < word.size();) {
    node = trie_.below(node, word[end]);
    if (node == ByteTrie::missing) break;
    ++end;
    const std::int32_t id = trie_.id(node);
    if (id < 0) continue;
    steps[end].offer(steps[at].score + scores_[static_cast<std::size_t>(id)], id,
                     static_cast<std::uint32_t>(at));
    has_single = has_single || end == character_end;
  }
  return has_single;
}

Result<std::vector<Unigram::Step>> Unigram::best_steps(std::string_view word) const {
  std::vector<Step> steps(word.size() + 1);
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t end = at + unicode::length_of(word[at]);
    if (!offer_tokens(word, at, end, steps)) {
      if (unknown_id_ < 0) return tl::unexpected(no_unknown());
      steps[end].offer(steps[at].score + (lowest_ - unknown_penalty), unknown_id_,
                       static_cast<std::uint32_t>(at));
    }
    at = end;
  }
  return steps;
}

Result<> Unigram::emit(std::string_view word, std::uint32_t begin, std::uint32_t end,
                       std::vector<WordToken>& tokens) const {
  const std::string_view part = word.substr(begin, end - begin);
  if (const std::int32_t id = vocabulary_.find(part); id >= 0) {
    tokens.push_back({id, begin, end, false});
    return {};
  }
  const auto byte_id = [&](char byte) { return byte_ids_[static_cast<unsigned char>(byte)]; };
  if (std::all_of(part.begin(), part.end(), [&](char byte) { return byte_id(byte) >= 0; })) {
    // Each stands for the whole unknown part, as in the reference.
    for (const char byte : part) tokens.push_back({byte_id(byte), begin, end, false});
    return {};
  }
  if (unknown_id_ < 0) return tl::unexpected(no_unknown());
  tokens.push_back({unknown_id_, begin, end, true});
  return {};
}

Result<> Unigram::tokenize(std::string_view word, std::vector<WordToken>& tokens) const {
  HEADSCOPE_ASSIGN(const std::vector<Step> steps, best_steps(word));
  std::vector<std::uint32_t> ends;  // of the tokens, back to front; neighbours unknown become one
  bool after_unknown = false;
  for (auto end = static_cast<std::uint32_t>(word.size()); end > 0; end = steps[end].begin) {
    const bool is_unknown = steps[end].id == unknown_id_;
    if (!(is_unknown && after_unknown)) ends.push_back(end);
    after_unknown = is_unknown;
  }
  std::uint32_t begin = 0;
  for (auto end = ends.rbegin(); end != ends.rend(); ++end) {
    HEADSCOPE_TRY(emit(word, begin, *end, tokens));
    begin = *end;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<TokenModel>> read_unigram(const JsonObject& model,
                                                 const Vocabulary& vocabulary) {
  std::int64_t unknown_id = -1;
  if (model.has("unk_id")) {
    HEADSCOPE_ASSIGN(unknown_id, model.integer("unk_id", 0, vocabulary.end_id() - 1));
  }
  HEADSCOPE_ASSIGN(const bool byte_fallback, model.boolean_or("byte_fallback", false));
  HEADSCOPE_ASSIGN(const Json* entries, model.array("vocab"));
  auto unigram =
      std::make_unique<Unigram>(vocabulary, static_cast<std::int32_t>(unknown_id), byte_fallback);
  for (const Json& entry : *entries) {
    if (!unigram->add_token(entry[0].get_ref<const std::string&>(), entry[1].get<double>()))
      return tl::unexpected(model.wrong("vocab", ByteTrie::expected));
  }
  return unigram;
}

}  // namespace headscope
