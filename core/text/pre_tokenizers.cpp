// Pre-tokenizers of tokenizer.json.
#include <optional>
#include <utility>

#include "core/text/byte_level.h"
#include "core/text/metaspace.h"
#include "core/text/token_parts.h"
#include "core/text/unicode.h"

namespace headscope {
namespace {

using Cuts = std::vector<AlignedText::Cut>;

void add_cuts(std::vector<Segment> segments, SplitBehavior behavior, Cuts& cuts) {
  for (const Segment& segment : split_segments(std::move(segments), behavior)) {
    cuts.push_back({segment.begin, segment.end});
  }
}

/// Segments of single characters that satisfy `is_match`, and what lies between them.
template <class Match>
std::vector<Segment> find_characters(std::string_view text, Match is_match) {
  std::vector<Segment> segments;
  std::size_t gap = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    if (!is_match(unicode::next(text, at))) continue;
    if (gap < begin) segments.push_back({gap, begin, false});
    segments.push_back({begin, at, true});
    gap = at;
  }
  if (gap < text.size()) segments.push_back({gap, text.size(), false});
  return segments;
}

class Split final : public PreTokenizer {
 public:
  Split(Pattern pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}
  Result<> apply(AlignedText& text) const override {
    return text.split([this](std::string_view piece, Cuts& cuts) -> Result<> {
      std::vector<Segment> segments;
      HEADSCOPE_TRY(pattern_.find(piece, segments));
      for (Segment& segment : segments) segment.is_match = segment.is_match != invert_;
      add_cuts(std::move(segments), behavior_, cuts);
      return {};
    });
  }

 private:
  Pattern pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

/// Whitespace, digits, punctuation: a class of characters.
class SplitCharacters final : public PreTokenizer {
 public:
  SplitCharacters(bool (*is_match)(char32_t), SplitBehavior behavior)
      : is_match_(is_match), behavior_(behavior) {}
  Result<> apply(AlignedText& text) const override {
    return text.split([this](std::string_view piece, Cuts& cuts) -> Result<> {
      add_cuts(find_characters(piece, is_match_), behavior_, cuts);
      return {};
    });
  }

 private:
  bool (*is_match_)(char32_t);
  SplitBehavior behavior_;
};

/// `\w+|[^\w\s]+`: runs of word characters and runs of neither word nor space.
class Whitespace final : public PreTokenizer {
  static int kind(char32_t point) {
    return unicode::is_word(point) ? 1 : unicode::is_whitespace(point) ? 0 : 2;
  }
  Result<> apply(AlignedText& text) const override {
    return text.split([](std::string_view piece, Cuts& cuts) -> Result<> {
      int open = 0;
      for (std::size_t at = 0; at < piece.size();) {
        const std::size_t begin = at;
        const int found = kind(unicode::next(piece, at));
        if (found != 0 && found != open) cuts.push_back({begin, at});
        if (found != 0) cuts.back().end = at;
        open = found;
      }
      return {};
    });
  }
};

class ByteLevel final : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, std::optional<Pattern> pattern)
      : add_prefix_space_(add_prefix_space), pattern_(std::move(pattern)) {}
  Result<> apply(AlignedText& text) const override {
    if (add_prefix_space_) {
      HEADSCOPE_TRY(text.rewrite([](const Piece&, PieceRewriter& piece) -> Result<> {
        piece.keep_with_prefix(piece.text().starts_with(' ') ? "" : " ");
        return {};
      }));
    }
    if (pattern_) HEADSCOPE_TRY(cut_words(text));
    return text.rewrite([](const Piece&, PieceRewriter& piece) -> Result<> {
      byte_level::encode(piece);
      return {};
    });
  }

 private:
  Result<> cut_words(AlignedText& text) const {
    return text.split([this](std::string_view piece, Cuts& cuts) -> Result<> {
      std::vector<Segment> segments;
      HEADSCOPE_TRY(pattern_->find(piece, segments));
      add_cuts(std::move(segments), SplitBehavior::isolated, cuts);
      return {};
    });
  }

  bool add_prefix_space_;
  std::optional<Pattern> pattern_;
};

class MetaspacePreTokenizer final : public PreTokenizer {
 public:
  explicit MetaspacePreTokenizer(Metaspace options) : options_(std::move(options)) {}
  Result<> apply(AlignedText& text) const override {
    HEADSCOPE_TRY(text.rewrite([this](const Piece&, PieceRewriter& piece) -> Result<> {
      const std::string_view old = piece.text();
      for (std::size_t at = 0; at < old.size();) {
        const std::size_t end = at + unicode::length_of(old[at]);
        if (old[at] == ' ') {
          piece.put(options_.replacement, piece.origin(at));
        } else {
          piece.keep(at, end);
        }
        at = end;
      }
      return {};
    }));
    if (options_.prepend != Metaspace::Prepend::never) {
      HEADSCOPE_TRY(text.rewrite([this](const Piece& where, PieceRewriter& piece) -> Result<> {
        const bool wanted =
            options_.prepend == Metaspace::Prepend::always || where.origin_begin == 0;
        const bool there = piece.text().starts_with(options_.replacement);
        piece.keep_with_prefix(wanted && !there ? std::string_view(options_.replacement) : "");
        return {};
      }));
    }
    if (!options_.split) return {};
    return text.split([this](std::string_view piece, Cuts& cuts) -> Result<> {
      std::vector<Segment> segments;
      HEADSCOPE_TRY(delimiter_.find(piece, segments));
      add_cuts(std::move(segments), SplitBehavior::merged_with_next, cuts);
      return {};
    });
  }

 private:
  Metaspace options_;
  Pattern delimiter_ = Pattern::literal(options_.replacement);
};

class PreTokenizerSequence final : public PreTokenizer {
 public:
  explicit PreTokenizerSequence(std::vector<std::unique_ptr<PreTokenizer>> steps)
      : steps_(std::move(steps)) {}
  Result<> apply(AlignedText& text) const override {
    for (const auto& step : steps_) HEADSCOPE_TRY(step->apply(text));
    return {};
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> steps_;
};

Result<SplitBehavior> read_behavior(const JsonObject& object) {
  HEADSCOPE_ASSIGN(const std::string name, object.string("behavior"));
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  return tl::unexpected(object.wrong(
      "behavior", "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous"));
}

using Made = Result<std::unique_ptr<PreTokenizer>>;

Made make_split(const JsonObject& object) {
  HEADSCOPE_ASSIGN(Pattern pattern, read_pattern(object));
  HEADSCOPE_ASSIGN(const SplitBehavior behavior, read_behavior(object));
  HEADSCOPE_ASSIGN(const bool invert, object.boolean("invert"));
  return std::make_unique<Split>(std::move(pattern), behavior, invert);
}

Made make_byte_level(const JsonObject& object) {
  HEADSCOPE_ASSIGN(const bool add_prefix_space, object.boolean("add_prefix_space"));
  HEADSCOPE_ASSIGN(const bool use_regex, object.boolean_or("use_regex", true));
  std::optional<Pattern> pattern;
  if (use_regex) {
    HEADSCOPE_ASSIGN(pattern, Pattern::regex(byte_level::word_expression, object.name()));
  }
  return std::make_unique<ByteLevel>(add_prefix_space, std::move(pattern));
}

Made make_punctuation(const JsonObject& object) {
  SplitBehavior behavior = SplitBehavior::isolated;
  if (object.has("behavior")) {
    HEADSCOPE_ASSIGN(behavior, read_behavior(object));
  }
  return std::make_unique<SplitCharacters>(unicode::is_punctuation, behavior);
}

Made make(const JsonObject& object) {
  HEADSCOPE_ASSIGN(const std::string type, object.string("type"));
  if (type == "Split") return make_split(object);
  if (type == "ByteLevel") return make_byte_level(object);
  if (type == "Punctuation") return make_punctuation(object);
  if (type == "Whitespace") return std::make_unique<Whitespace>();
  if (type == "WhitespaceSplit") {
    return std::make_unique<SplitCharacters>(unicode::is_whitespace, SplitBehavior::removed);
  }
  if (type == "Digits") {
    HEADSCOPE_ASSIGN(const bool single, object.boolean("individual_digits"));
    return std::make_unique<SplitCharacters>(
        unicode::is_numeric, single ? SplitBehavior::isolated : SplitBehavior::contiguous);
  }
  if (type == "Metaspace") {
    HEADSCOPE_ASSIGN(Metaspace options, Metaspace::read(object));
    return std::make_unique<MetaspacePreTokenizer>(std::move(options));
  }
  if (type == "BertPreTokenizer") {
    std::vector<std::unique_ptr<PreTokenizer>> steps;
    steps.push_back(
        std::make_unique<SplitCharacters>(unicode::is_whitespace, SplitBehavior::removed));
    steps.push_back(
        std::make_unique<SplitCharacters>(unicode::is_punctuation, SplitBehavior::isolated));
    return std::make_unique<PreTokenizerSequence>(std::move(steps));
  }
  if (type == "Sequence") {
    HEADSCOPE_ASSIGN(const Json* list, object.array("pretokenizers"));
    std::vector<std::unique_ptr<PreTokenizer>> steps;
    for (std::size_t i = 0; i < list->size(); ++i) {
      HEADSCOPE_ASSIGN(const JsonObject element, object.element("pretokenizers", i));
      HEADSCOPE_ASSIGN(std::unique_ptr<PreTokenizer> step, make(element));
      steps.push_back(std::move(step));
    }
    return std::make_unique<PreTokenizerSequence>(std::move(steps));
  }
  return tl::unexpected(unsupported(object, "pre_tokenizer", type));
}

}  // namespace

Result<std::unique_ptr<PreTokenizer>> read_pre_tokenizer(const JsonObject& root,
                                                         std::string_view field) {
  if (!root.has(field)) return nullptr;
  HEADSCOPE_ASSIGN(const JsonObject object, root.object(field));
  return make(object);
}

}  // namespace headscope
