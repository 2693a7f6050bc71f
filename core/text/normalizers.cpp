// Normalizers of tokenizer.json, with the reference's alignment of new to original bytes.
#include <unicode/normalizer2.h>
#include <unicode/uniset.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/text/byte_level.h"
#include "core/text/token_parts.h"
#include "core/text/unicode.h"

namespace headscope {
namespace {

/// Calls `visit(point, begin, end)` for each character.
template <class Visit>
void for_each_character(std::string_view text, Visit visit) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t point = unicode::next(text, at);
    visit(point, begin, at);
  }
}

/// Unicode normalisation forms. ICU decomposes and composes single characters; the order of steps
/// and the alignment are those of the reference: a composed character stands for the first of its
/// parts only, a further character of a decomposition for the whole of what was decomposed.
class UnicodeForm final : public PieceNormalizer {
 public:
  UnicodeForm(const icu::Normalizer2& form, const icu::UnicodeSet& known, bool compose)
      : newest_(form), form_(form, known), compose_(compose) {}

  Result<> write(PieceRewriter& piece) const override {
    const std::string_view text = piece.text();
    UErrorCode code = U_ZERO_ERROR;
    // What the newest Unicode leaves as it is, the older one does, too.
    if (newest_.isNormalizedUTF8(icu::StringPiece(text.data(), static_cast<int32_t>(text.size())),
                                 code) &&
        U_SUCCESS(code)) {
      piece.keep(0, text.size());
      return {};
    }
    std::vector<Part> parts = decompose(text);
    if (compose_) parts = compose(parts);
    for (const Part& part : parts) piece.put_changed(part.point, part.change);
    return {};
  }

 private:
  /// A character of the result, with the change of PieceRewriter::put_changed.
  struct Part {
    char32_t point = 0;
    std::uint8_t combining_class = 0;
    int change = 0;
  };

  std::vector<Part> decompose(std::string_view text) const {
    std::vector<Part> parts;
    parts.reserve(text.size());
    std::size_t unsorted = 0;  // marks since the last starter wait to be ordered
    const auto sort_marks = [&] {
      std::stable_sort(
          parts.begin() + static_cast<std::ptrdiff_t>(unsorted), parts.end(),
          [](const Part& a, const Part& b) { return a.combining_class < b.combining_class; });
      unsorted = parts.size();
    };
    const auto push = [&](char32_t point, int change) {
      const std::uint8_t combining_class = form_.getCombiningClass(static_cast<UChar32>(point));
      if (combining_class == 0) sort_marks();
      parts.push_back({point, combining_class, change});
    };
    for_each_character(text, [&](char32_t point, std::size_t, std::size_t) {
      icu::UnicodeString decomposed;
      if (point < 0x80 || !form_.getDecomposition(static_cast<UChar32>(point), decomposed)) {
        push(point, 0);
        return;
      }
      for (int32_t at = 0; at < decomposed.length(); at = decomposed.moveIndex32(at, 1)) {
        push(static_cast<char32_t>(decomposed.char32At(at)), at == 0 ? 0 : 1);
      }
    });
    sort_marks();
    return parts;
  }

  std::vector<Part> compose(const std::vector<Part>& parts) const {
    std::vector<Part> result;
    result.reserve(parts.size());
    std::optional<std::size_t> starter;  // index in result
    int last_class = -1;                 // of the marks kept since the starter
    for (const Part& part : parts) {
      if (starter && last_class < static_cast<int>(part.combining_class)) {
        Part& first = result[*starter];
        const UChar32 composed =
            form_.composePair(static_cast<UChar32>(first.point), static_cast<UChar32>(part.point));
        if (composed >= 0) {
          first.point = static_cast<char32_t>(composed);
          first.change += part.change - 1;
          continue;
        }
      }
      if (part.combining_class == 0) {
        starter = result.size();
        last_class = -1;
      } else if (starter) {
        last_class = part.combining_class;
      }
      result.push_back(part);
    }
    return result;
  }

  const icu::Normalizer2& newest_;
  icu::FilteredNormalizer2 form_;
  bool compose_;
};

class Lowercase final : public PieceNormalizer {
  Result<> write(PieceRewriter& piece) const override {
    for_each_character(piece.text(), [&](char32_t point, std::size_t begin, std::size_t) {
      for (const char32_t lower : unicode::lower(point)) piece.put(lower, piece.origin(begin));
    });
    return {};
  }
};

class StripAccents final : public PieceNormalizer {
 public:
  explicit StripAccents(bool (*is_accent)(char32_t)) : is_accent_(is_accent) {}
  Result<> write(PieceRewriter& piece) const override {
    for_each_character(piece.text(), [&](char32_t point, std::size_t begin, std::size_t end) {
      if (!is_accent_(point)) piece.keep(begin, end);
    });
    return {};
  }

 private:
  bool (*is_accent_)(char32_t);
};

/// Of Bert's normalizer: no control characters, every white space a space.
class CleanText final : public PieceNormalizer {
  Result<> write(PieceRewriter& piece) const override {
    for_each_character(piece.text(), [&](char32_t point, std::size_t begin, std::size_t end) {
      const bool is_line = point == '\t' || point == '\n' || point == '\r';
      if (point == 0 || point == 0xfffd || (unicode::is_other(point) && !is_line)) return;
      if (is_line || unicode::is_whitespace(point)) {
        piece.put(" ", piece.origin(begin));
      } else {
        piece.keep(begin, end);
      }
    });
    return {};
  }
};

/// Of Bert's normalizer: ideographs are words of their own.
class SpaceIdeographs final : public PieceNormalizer {
  static bool is_ideograph(char32_t point) {
    static constexpr std::pair<char32_t, char32_t> ranges[] = {
        {0x4e00, 0x9fff},   {0x3400, 0x4dbf},   {0x20000, 0x2a6df}, {0x2a700, 0x2b73f},
        {0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf}, {0xf900, 0xfaff},   {0x2f800, 0x2fa1f}};
    return std::any_of(std::begin(ranges), std::end(ranges), [&](const auto& range) {
      return point >= range.first && point <= range.second;
    });
  }
  Result<> write(PieceRewriter& piece) const override {
    for_each_character(piece.text(), [&](char32_t point, std::size_t begin, std::size_t end) {
      const std::string_view space = is_ideograph(point) ? " " : "";
      piece.put(space, piece.origin(begin));
      piece.keep(begin, end);
      piece.put(space, piece.origin(begin));
    });
    return {};
  }
};

class Strip final : public PieceNormalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  Result<> write(PieceRewriter& piece) const override {
    const std::string_view text = piece.text();
    std::size_t begin = 0;
    std::size_t end = text.size();
    for (std::size_t at = 0; left_ && at < text.size();) {
      if (!unicode::is_whitespace(unicode::next(text, at))) break;
      begin = at;
    }
    while (right_ && end > begin) {
      const std::size_t last = unicode::previous(text, end);
      std::size_t at = last;
      if (!unicode::is_whitespace(unicode::next(text, at))) break;
      end = last;
    }
    piece.keep(begin, end);
    return {};
  }

 private:
  bool left_;
  bool right_;
};

class Prepend final : public PieceNormalizer {
 public:
  explicit Prepend(std::string text) : text_(std::move(text)) {}
  Result<> write(PieceRewriter& piece) const override {
    piece.keep_with_prefix(text_);
    return {};
  }

 private:
  std::string text_;
};

class Replace final : public PieceNormalizer {
 public:
  Replace(Pattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  Result<> write(PieceRewriter& piece) const override {
    std::vector<Segment> segments;
    HEADSCOPE_TRY(pattern_.find(piece.text(), segments));
    for (const Segment& segment : segments) {
      if (segment.is_match) {
        piece.put(content_, piece.origin_before(segment.end));
      } else {
        piece.keep(segment.begin, segment.end);
      }
    }
    return {};
  }

 private:
  Pattern pattern_;
  std::string content_;
};

class ByteLevelNormalizer final : public PieceNormalizer {
  Result<> write(PieceRewriter& piece) const override {
    byte_level::encode(piece);
    return {};
  }
};

class NormalizerSequence final : public Normalizer {
 public:
  explicit NormalizerSequence(std::vector<std::unique_ptr<Normalizer>> steps)
      : steps_(std::move(steps)) {}
  Result<> apply(AlignedText& text) const override {
    for (const auto& step : steps_) HEADSCOPE_TRY(step->apply(text));
    return {};
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> steps_;
};

using Made = Result<std::unique_ptr<Normalizer>>;

/// The characters that the reference's tables of normalisation know: those of Unicode 9.
const icu::UnicodeSet& known_to_reference() {
  static const icu::UnicodeSet set = [] {
    UErrorCode code = U_ZERO_ERROR;
    icu::UnicodeSet known(icu::UnicodeString(u"[:age=9.0:]"), code);
    known.freeze();
    return known;
  }();
  return set;
}

Made unicode_form(const std::string& type) {
  UErrorCode code = U_ZERO_ERROR;
  const bool compose = type.ends_with('C');
  const icu::Normalizer2* form = type == "NFC"    ? icu::Normalizer2::getNFCInstance(code)
                                 : type == "NFD"  ? icu::Normalizer2::getNFDInstance(code)
                                 : type == "NFKC" ? icu::Normalizer2::getNFKCInstance(code)
                                                  : icu::Normalizer2::getNFKDInstance(code);
  const icu::UnicodeSet& known = known_to_reference();
  if (U_FAILURE(code) || known.isBogus() || known.isEmpty()) {
    return fail(ErrorKind::internal, "ICU has no data for " + type);
  }
  return std::make_unique<UnicodeForm>(*form, known, compose);
}

Made make_bert(const JsonObject& object) {
  HEADSCOPE_ASSIGN(const bool clean_text, object.boolean("clean_text"));
  HEADSCOPE_ASSIGN(const bool ideographs, object.boolean("handle_chinese_chars"));
  HEADSCOPE_ASSIGN(const bool lowercase, object.boolean("lowercase"));
  HEADSCOPE_ASSIGN(const bool strip_accents, object.boolean_or("strip_accents", lowercase));
  std::vector<std::unique_ptr<Normalizer>> steps;
  if (clean_text) steps.push_back(std::make_unique<CleanText>());
  if (ideographs) steps.push_back(std::make_unique<SpaceIdeographs>());
  if (strip_accents) {
    HEADSCOPE_ASSIGN(std::unique_ptr<Normalizer> form, unicode_form("NFD"));
    steps.push_back(std::move(form));
    steps.push_back(std::make_unique<StripAccents>(unicode::is_nonspacing_mark));
  }
  if (lowercase) steps.push_back(std::make_unique<Lowercase>());
  return std::make_unique<NormalizerSequence>(std::move(steps));
}

Made make(const JsonObject& object) {
  HEADSCOPE_ASSIGN(const std::string type, object.string("type"));
  if (type == "NFC" || type == "NFD" || type == "NFKC" || type == "NFKD") return unicode_form(type);
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "StripAccents") return std::make_unique<StripAccents>(unicode::is_mark);
  if (type == "ByteLevel") return std::make_unique<ByteLevelNormalizer>();
  if (type == "BertNormalizer") return make_bert(object);
  if (type == "Precompiled") return read_precompiled(object);
  if (type == "Strip") {
    HEADSCOPE_ASSIGN(const bool left, object.boolean("strip_left"));
    HEADSCOPE_ASSIGN(const bool right, object.boolean("strip_right"));
    return std::make_unique<Strip>(left, right);
  }
  if (type == "Prepend") {
    HEADSCOPE_ASSIGN(std::string text, object.string("prepend"));
    return std::make_unique<Prepend>(std::move(text));
  }
  if (type == "Replace") {
    HEADSCOPE_ASSIGN(Pattern pattern, read_pattern(object));
    HEADSCOPE_ASSIGN(std::string content, object.string("content"));
    return std::make_unique<Replace>(std::move(pattern), std::move(content));
  }
  if (type == "Sequence") {
    HEADSCOPE_ASSIGN(const Json* list, object.array("normalizers"));
    std::vector<std::unique_ptr<Normalizer>> steps;
    for (std::size_t i = 0; i < list->size(); ++i) {
      HEADSCOPE_ASSIGN(const JsonObject element, object.element("normalizers", i));
      HEADSCOPE_ASSIGN(std::unique_ptr<Normalizer> step, make(element));
      steps.push_back(std::move(step));
    }
    return std::make_unique<NormalizerSequence>(std::move(steps));
  }
  return tl::unexpected(unsupported(object, "normalizer", type));
}

}  // namespace

Result<std::unique_ptr<Normalizer>> read_normalizer(const JsonObject& root,
                                                    std::string_view field) {
  if (!root.has(field)) return nullptr;
  HEADSCOPE_ASSIGN(const JsonObject object, root.object(field));
  return make(object);
}

}  // namespace headscope
