// Byte-pair encoding: merges neighbours, the best-ranked pair first.
#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "core/text/flat_map.h"
#include "core/text/token_parts.h"
#include "core/text/token_text.h"
#include "core/text/unicode.h"

namespace headscope {
namespace {

constexpr std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) |
         static_cast<std::uint32_t>(right);
}

struct Options {
  std::string unknown_token;
  bool has_unknown = false;
  bool fuse_unknown = false;
  bool byte_fallback = false;
  bool ignore_merges = false;
  std::string prefix;  ///< of every character but the first of a word ("##")
  std::string suffix;  ///< of the last character of a word ("</w>")
};

/// A part of the word, linked to its neighbours.
struct Symbol {
  std::int32_t id = 0;
  std::int32_t previous = -1;
  std::int32_t next = -1;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;  ///< begin == end: merged into the one before
  bool unknown = false;
  bool is_character = false;  ///< stands for a character of the vocabulary: no byte, not unknown
};

struct Candidate {
  std::uint32_t rank = 0;
  std::int32_t position = 0;
  std::int32_t merged = 0;
  /// Reversed: the standard queue gives the greatest first.
  bool operator<(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

class Bpe final : public TokenModel {
 public:
  Bpe(const Vocabulary& vocabulary, Options options)
      : vocabulary_(vocabulary), options_(std::move(options)) {
    unknown_id_ = options_.has_unknown ? vocabulary.find(options_.unknown_token) : -1;
    for (unsigned byte = 0; byte < 256; ++byte) {
      byte_ids_[byte] = options_.byte_fallback
                            ? vocabulary.find(fallback_token(static_cast<unsigned char>(byte)))
                            : -1;
    }
    for (char32_t point = 0; point < short_ids_.size(); ++point) {
      short_ids_[point] = vocabulary.find(unicode::encoded(point));
    }
  }

  Result<> read_merges(const JsonObject& model);
  Result<> tokenize(std::string_view word, std::vector<WordToken>& tokens) const override;
  std::int32_t unknown_id() const override { return unknown_id_; }

 private:
  Result<> add_merge(std::string_view left, std::string_view right, std::uint64_t rank,
                     const JsonObject& model);
  Result<std::vector<Symbol>> first_symbols(std::string_view word) const;
  void merge(std::vector<Symbol>& symbols) const;
  void merge_run(std::span<Symbol> symbols, std::vector<Candidate>& queue) const;
  bool may_join(const Symbol& left, const Symbol& right) const;
  std::int32_t id_of_character(std::string_view word, std::size_t begin, std::size_t end) const {
    const bool prefixed = begin > 0 && !options_.prefix.empty();
    const bool suffixed = end == word.size() && !options_.suffix.empty();
    if (prefixed || suffixed) {
      std::string text = prefixed ? options_.prefix : std::string();
      text += word.substr(begin, end - begin);
      if (suffixed) text += options_.suffix;
      return vocabulary_.find(text);
    }
    std::size_t at = begin;
    if (end - begin <= 3) {
      const char32_t point = unicode::next(word, at);
      if (point < short_ids_.size()) return short_ids_[point];
    }
    return vocabulary_.find(word.substr(begin, end - begin));
  }

  const Vocabulary& vocabulary_;
  Options options_;
  FlatMap merges_;  ///< pair of ids -> rank and id of the merged token
  std::int32_t unknown_id_ = -1;
  std::array<std::int32_t, 256> byte_ids_{};
  std::array<std::int32_t, 0x3000> short_ids_{};  ///< by character: alphabets, U+2581 and more
  /// Pairs of characters that some merge joins, the left one's last with the right one's first.
  FlatMap joined_;
};

Result<> Bpe::add_merge(std::string_view left, std::string_view right, std::uint64_t rank,
                        const JsonObject& model) {
  const std::int32_t left_id = vocabulary_.find(left);
  const std::int32_t right_id = vocabulary_.find(right);
  // The second part loses its prefix, whatever it begins with: so does the reference.
  const std::size_t dropped = std::min(options_.prefix.size(), right.size());
  const std::string joined = std::string(left) + std::string(right.substr(dropped));
  const std::int32_t merged = vocabulary_.find(joined);
  if (left_id < 0 || right_id < 0 || merged < 0 || dropped < options_.prefix.size()) {
    return bad_input(model.name() + ": field 'model.merges', element " + std::to_string(rank) +
                     ": '" + std::string(left) + "' + '" + std::string(right) +
                     "' is not in the vocabulary");
  }
  merges_.assign(pair_key(left_id, right_id), (rank << 32) | static_cast<std::uint32_t>(merged));
  if (!left.empty() && !right.empty()) {
    const std::int32_t last = vocabulary_.find(left.substr(unicode::previous(left, left.size())));
    const std::int32_t first = vocabulary_.find(right.substr(0, unicode::length_of(right[0])));
    if (last >= 0 && first >= 0) joined_.insert(pair_key(last, first), 0);
  }
  return {};
}

Result<> Bpe::read_merges(const JsonObject& model) {
  HEADSCOPE_ASSIGN(const Json* list, model.array("merges"));
  merges_.reserve(list->size());
  std::uint64_t rank = 0;
  for (const Json& merge : *list) {
    if (merge.is_string()) {  // "a b", the older spelling
      const auto& text = merge.get_ref<const std::string&>();
      const std::size_t space = text.find(' ');
      if (text.starts_with("#version")) continue;
      if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos) {
        const std::string_view view = text;
        HEADSCOPE_TRY(add_merge(view.substr(0, space), view.substr(space + 1), rank++, model));
        continue;
      }
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      HEADSCOPE_TRY(add_merge(merge[0].get_ref<const std::string&>(),
                              merge[1].get_ref<const std::string&>(), rank++, model));
      continue;
    }
    return bad_input(model.name() + ": field 'model.merges', element " + std::to_string(rank) +
                     " expected two texts, found " + dump_json(merge).substr(0, 60));
  }
  return {};
}

Result<std::vector<Symbol>> Bpe::first_symbols(std::string_view word) const {
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
  Symbol unknown{.id = unknown_id_, .unknown = true};  // waits while it may grow
  const auto flush_unknown = [&] {
    if (unknown.begin < unknown.end) symbols.push_back(unknown);
    unknown.begin = unknown.end = 0;
  };
  for (std::size_t at = 0; at < word.size();) {
    const auto begin = static_cast<std::uint32_t>(at);
    at += unicode::length_of(word[at]);
    const auto end = static_cast<std::uint32_t>(at);
    if (const std::int32_t id = id_of_character(word, begin, end); id >= 0) {
      flush_unknown();
      symbols.push_back({.id = id, .begin = begin, .end = end, .is_character = true});
      continue;
    }
    bool all_bytes = options_.byte_fallback;
    for (std::uint32_t i = begin; i < end; ++i) {
      all_bytes = all_bytes && byte_ids_[static_cast<unsigned char>(word[i])] >= 0;
    }
    if (all_bytes) {  // an unknown part goes on waiting, as in the reference
      for (std::uint32_t i = begin; i < end; ++i) {
        symbols.push_back(
            {.id = byte_ids_[static_cast<unsigned char>(word[i])], .begin = i, .end = i + 1});
      }
      continue;
    }
    if (!options_.has_unknown) continue;  // dropped, as the reference does
    if (unknown_id_ < 0) {
      return bad_input("the tokenizer's unk_token '" + options_.unknown_token +
                       "' is not in its vocabulary, and the text holds characters that need it");
    }
    if (!options_.fuse_unknown) flush_unknown();
    if (unknown.begin == unknown.end) unknown.begin = begin;
    unknown.end = end;
  }
  flush_unknown();
  return symbols;
}

/// False only where no merge can ever cross the border between two symbols of a word. Then what is
/// left and right of it are words of their own.
bool Bpe::may_join(const Symbol& left, const Symbol& right) const {
  if (!left.is_character || !right.is_character) return true;
  return joined_.find(pair_key(left.id, right.id)) != FlatMap::missing;
}

void Bpe::merge(std::vector<Symbol>& symbols) const {
  const bool whole = !options_.prefix.empty() || !options_.suffix.empty();
  std::vector<Candidate> queue;
  for (std::size_t begin = 0; begin < symbols.size();) {
    std::size_t end = whole ? symbols.size() : begin + 1;
    while (end < symbols.size() && may_join(symbols[end - 1], symbols[end])) ++end;
    if (end - begin > 1) merge_run(std::span(symbols).subspan(begin, end - begin), queue);
    begin = end;
  }
}

/// `queue` is empty before and after: its memory is used again.
void Bpe::merge_run(std::span<Symbol> symbols, std::vector<Candidate>& queue) const {
  const auto symbol = [&](std::int32_t position) -> Symbol& {
    return symbols[static_cast<std::size_t>(position)];
  };
  const auto consider = [&](std::int32_t position) {
    const Symbol& left = symbol(position);
    if (left.next < 0) return;
    const std::uint64_t found = merges_.find(pair_key(left.id, symbol(left.next).id));
    if (found == FlatMap::missing) return;
    queue.push_back({static_cast<std::uint32_t>(found >> 32), position,
                     static_cast<std::int32_t>(static_cast<std::uint32_t>(found))});
    std::push_heap(queue.begin(), queue.end());
  };
  const auto count = static_cast<std::int32_t>(symbols.size());
  for (std::int32_t i = 0; i < count; ++i) {
    symbol(i).previous = i - 1;
    symbol(i).next = i + 1 < count ? i + 1 : -1;
  }
  for (std::int32_t i = 0; i + 1 < count; ++i) consider(i);
  while (!queue.empty()) {
    const Candidate best = queue.front();
    std::pop_heap(queue.begin(), queue.end());
    queue.pop_back();
    Symbol& left = symbol(best.position);
    if (left.begin == left.end || left.next < 0) continue;
    Symbol& right = symbol(left.next);
    const std::uint64_t found = merges_.find(pair_key(left.id, right.id));
    if (found == FlatMap::missing ||
        static_cast<std::int32_t>(static_cast<std::uint32_t>(found)) != best.merged) {
      continue;  // one of the two has changed since
    }
    left.id = best.merged;
    left.end = right.end;
    left.unknown = false;
    left.next = right.next;
    right.end = right.begin;
    if (left.next >= 0) symbol(left.next).previous = best.position;
    if (left.previous >= 0) consider(left.previous);
    consider(best.position);
  }
}

Result<> Bpe::tokenize(std::string_view word, std::vector<WordToken>& tokens) const {
  if (options_.ignore_merges) {
    if (const std::int32_t id = vocabulary_.find(word); id >= 0) {
      tokens.push_back({id, 0, static_cast<std::uint32_t>(word.size()), false});
      return {};
    }
  }
  HEADSCOPE_ASSIGN(std::vector<Symbol> symbols, first_symbols(word));
  merge(symbols);
  for (const Symbol& symbol : symbols) {
    if (symbol.begin < symbol.end) {
      tokens.push_back({symbol.id, symbol.begin, symbol.end, symbol.unknown});
    }
  }
  return {};
}

Result<Options> read_options(const JsonObject& model) {
  HEADSCOPE_ASSIGN(const double dropout, model.number_or("dropout", 0.0));
  if (dropout != 0.0)
    return tl::unexpected(model.wrong("dropout", "null: dropout is not supported"));
  Options options;
  options.has_unknown = model.has("unk_token");
  HEADSCOPE_ASSIGN(options.unknown_token, model.string_or("unk_token", ""));
  HEADSCOPE_ASSIGN(options.fuse_unknown, model.boolean_or("fuse_unk", false));
  HEADSCOPE_ASSIGN(options.byte_fallback, model.boolean_or("byte_fallback", false));
  HEADSCOPE_ASSIGN(options.ignore_merges, model.boolean_or("ignore_merges", false));
  HEADSCOPE_ASSIGN(options.prefix, model.string_or("continuing_subword_prefix", ""));
  HEADSCOPE_ASSIGN(options.suffix, model.string_or("end_of_word_suffix", ""));
  if (options.byte_fallback && !(options.prefix.empty() && options.suffix.empty())) {
    // The reference falls back to the bytes of the prefix and the suffix, too.
    return tl::unexpected(model.wrong("byte_fallback",
                                      "false beside continuing_subword_prefix or "
                                      "end_of_word_suffix: both together are not supported"));
  }
  return options;
}

}  // namespace

Result<std::unique_ptr<TokenModel>> read_bpe(const JsonObject& model,
                                             const Vocabulary& vocabulary) {
  HEADSCOPE_ASSIGN(Options options, read_options(model));
  auto bpe = std::make_unique<Bpe>(vocabulary, std::move(options));
  HEADSCOPE_TRY(bpe->read_merges(model));
  return bpe;
}

}  // namespace headscope
