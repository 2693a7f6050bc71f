// The normalizer of SentencePiece's models: a compiled table of replacements.
#include <unicode/brkiter.h>
#include <unicode/utext.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/base64.h"
#include "core/text/charsmap.h"
#include "core/text/token_parts.h"
#include "core/text/unicode.h"

namespace headscope {
namespace {

/// Ends of the characters as people see them (grapheme clusters) of one text, front to back.
class Graphemes {
 public:
  static Result<Graphemes> of(std::string_view text) {
    Graphemes graphemes(text);
    UErrorCode code = U_ZERO_ERROR;
    graphemes.iterator_.reset(
        icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(), code));
    graphemes.utext_.reset(
        utext_openUTF8(nullptr, text.data(), static_cast<std::int64_t>(text.size()), &code));
    if (U_SUCCESS(code)) graphemes.iterator_->setText(graphemes.utext_.get(), code);
    if (U_FAILURE(code)) return fail(ErrorKind::internal, "ICU cannot find grapheme clusters");
    return graphemes;
  }

  /// End of the cluster that begins at `at` < size.
  std::size_t end_of(std::size_t at) {
    const bool next_is_ascii = at + 1 == text_.size() || is_ascii(text_[at + 1]);
    if (is_ascii(text_[at]) && text_[at] != '\r' && next_is_ascii) return at + 1;
    const auto place = static_cast<int32_t>(at);
    const int32_t end =
        iterator_->current() == place ? iterator_->next() : iterator_->following(place);
    return end == icu::BreakIterator::DONE ? text_.size() : static_cast<std::size_t>(end);
  }

 private:
  struct Close {
    void operator()(UText* text) const { utext_close(text); }
  };
  explicit Graphemes(std::string_view text) : text_(text) {}
  static bool is_ascii(char byte) { return static_cast<unsigned char>(byte) < 0x80; }

  std::string_view text_;
  std::unique_ptr<UText, Close> utext_;
  std::unique_ptr<icu::BreakIterator> iterator_;
};

/// The characters of the new text, with the changes of PieceRewriter::put_changed.
class Changes {
 public:
  void keep(char32_t point) { changes_.push_back({point, 0}); }

  /// Characters beyond those that were there are added; what is missing goes to the last character.
  void replace(std::string_view old_text, std::string_view new_text) {
    int missing = 0;
    for (std::size_t at = 0; at < old_text.size(); ++missing) unicode::next(old_text, at);
    for (std::size_t at = 0; at < new_text.size(); --missing) {
      changes_.push_back({unicode::next(new_text, at), missing > 0 ? 0 : 1});
    }
    replaced_ = true;
    if (missing <= 0) return;
    // At the very beginning the reference forgets what it leaves out: its offsets shift. Here the
    // first character that stays covers it.
    if (changes_.empty()) {
      left_out_ += missing;
    } else {
      changes_.back().change -= missing;
    }
  }

  void write(PieceRewriter& piece) const {
    if (!replaced_) return piece.keep(0, piece.text().size());
    piece.leave_out(left_out_);
    for (const Change& change : changes_) piece.put_changed(change.point, change.change);
  }

 private:
  struct Change {
    char32_t point = 0;
    int change = 0;
  };
  std::vector<Change> changes_;
  int left_out_ = 0;  ///< characters before the first that stays
  bool replaced_ = false;
};

class Precompiled final : public PieceNormalizer {
 public:
  explicit Precompiled(Charsmap map) : map_(std::move(map)) {}

  Result<> write(PieceRewriter& piece) const override {
    const std::string_view text = piece.text();
    HEADSCOPE_ASSIGN(Graphemes graphemes, Graphemes::of(text));
    Changes changes;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = graphemes.end_of(at);
      HEADSCOPE_TRY(add_grapheme(text.substr(at, end - at), changes));
      at = end;
    }
    changes.write(piece);
    return {};
  }

 private:
  /// A short cluster as a whole where the table knows it, else character by character.
  Result<> add_grapheme(std::string_view grapheme, Changes& changes) const {
    constexpr std::size_t longest_looked_up = 5;  // bytes, in the reference
    if (grapheme.size() <= longest_looked_up) {
      HEADSCOPE_ASSIGN(const auto whole, map_.replacement(grapheme));
      if (whole) {
        changes.replace(grapheme, *whole);
        return {};
      }
    }
    for (std::size_t at = 0; at < grapheme.size();) {
      const std::size_t begin = at;
      const char32_t point = unicode::next(grapheme, at);
      const std::string_view character = grapheme.substr(begin, at - begin);
      HEADSCOPE_ASSIGN(const auto found, map_.replacement(character));
      if (found) {
        changes.replace(character, *found);
      } else {
        changes.keep(point);
      }
    }
    return {};
  }

  Charsmap map_;
};

}  // namespace

Result<std::unique_ptr<Normalizer>> read_precompiled(const JsonObject& object) {
  HEADSCOPE_ASSIGN(const std::string text, object.string("precompiled_charsmap"));
  const std::optional<std::string> bytes = base64_decode(text);
  if (!bytes) return tl::unexpected(object.wrong("precompiled_charsmap", "base64"));
  HEADSCOPE_ASSIGN(Charsmap map, Charsmap::read(*bytes, object.name()));
  return std::make_unique<Precompiled>(std::move(map));
}

}  // namespace headscope
