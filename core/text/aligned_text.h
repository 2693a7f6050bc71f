// A text on its way through normalizers and pre-tokenizers: cut into pieces, and each byte knows
// which bytes of the original it came from.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"

namespace headscope {

/// Bytes of the original text that one byte of the current text stands for.
struct Origin {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

/// A range of the current text. Pieces are never empty, in order, and only grow smaller; two may
/// overlap where an added token takes white space that is a token itself.
struct Piece {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::uint32_t origin_begin = 0;  ///< where the piece began in the original when it was cut
  std::int32_t token = -1;         ///< an added token: nothing below touches this piece any more
};

/// A part of a piece's text, found by a pattern or not.
struct Segment {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool is_match = false;
};

/// What becomes of the delimiters that a pattern found.
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// Applies the behaviour to segments that cover a text; the result are ranges without removed ones.
std::vector<Segment> split_segments(std::vector<Segment> segments, SplitBehavior behavior);

/// New text of one piece while it is rewritten.
class PieceRewriter {
 public:
  /// What would make `new_text` longer than `most` bytes is left out, and `too_long` says so.
  PieceRewriter(std::string_view text, const Origin* origins, std::uint32_t origin_begin,
                std::size_t most, std::string& new_text, std::vector<Origin>& new_origins)
      : text_(text),
        origins_(origins),
        origin_begin_(origin_begin),
        most_(most),
        new_text_(new_text),
        new_origins_(new_origins) {}

  bool too_long() const { return too_long_; }

  std::string_view text() const { return text_; }  ///< what the piece held so far
  /// Origin of the byte at `at`.
  Origin origin(std::size_t at) const { return origins_[at]; }
  /// Origin of something inserted behind the byte before `at`: that byte's, or the empty place
  /// where the piece begins.
  Origin origin_before(std::size_t at) const {
    return at > 0 ? origins_[at - 1] : Origin{origin_begin_, origin_begin_};
  }
  void put(std::string_view bytes, Origin origin) {  ///< appends, each byte from there
    too_long_ = too_long_ || new_text_.size() + bytes.size() > most_;
    if (too_long_) return;
    new_text_ += bytes;
    new_origins_.insert(new_origins_.end(), bytes.size(), origin);
  }
  void put(char32_t point, Origin origin);  ///< as UTF-8
  /// Bytes [begin, end) as they are.
  void keep(std::size_t begin, std::size_t end) {
    new_text_ += text_.substr(begin, end - begin);
    new_origins_.insert(new_origins_.end(), origins_ + begin, origins_ + end);
  }
  /// The whole piece with `prefix` before it, which takes the origin of the first character.
  void keep_with_prefix(std::string_view prefix);

  /// The next character of a text that is rewritten from its beginning, aligned as the reference
  /// does it. `change`: 1 = added to what is before it, 0 = takes the place of the next original
  /// character, -n = of the next 1 + n of them.
  void put_changed(char32_t point, int change);
  /// Nothing stands for the next `count` original characters; the character that is put next covers
  /// them, too.
  void leave_out(int count);

 private:
  std::string_view text_;
  const Origin* origins_;
  std::uint32_t origin_begin_;
  std::size_t most_;
  bool too_long_ = false;
  std::string& new_text_;
  std::vector<Origin>& new_origins_;
  void use_up(int count);

  std::size_t used_ = 0;                 ///< bytes of text_ that put_changed has used up
  std::optional<std::size_t> left_out_;  ///< where characters begin that are left out
};
/// The text itself, with the origins of its bytes and its pieces.
class AlignedText {
 public:
  /// One piece that holds the whole of `original`, which must be valid UTF-8 of less than 4 GiB.
  explicit AlignedText(std::string_view original);

  const std::string& text() const { return text_; }
  const std::vector<Origin>& origins() const { return origins_; }
  const std::vector<Piece>& pieces() const { return pieces_; }
  std::string_view text_of(const Piece& piece) const {  ///< what it holds now
    return std::string_view(text_).substr(piece.begin, piece.end - piece.begin);
  }

  /// Cuts every piece that is no token. `cut` gets the piece's text and returns ranges of it; what
  /// they leave out is dropped, `token_of` may say which added token a range is.
  struct Cut {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::int32_t token = -1;
  };
  using Cutter = std::function<Result<>(std::string_view text, std::vector<Cut>& cuts)>;
  Result<> split(const Cutter& cutter);  ///< the first error ends it

  /// Rewrites the text of every piece that is no token. bad_input when it gets longer than any
  /// normalizer that is meant makes it: 32 times the original and a mebibyte.
  using Writer = std::function<Result<>(const Piece& piece, PieceRewriter& rewriter)>;
  Result<> rewrite(const Writer& writer);  ///< likewise

 private:
  std::size_t original_bytes_;
  std::string text_;
  std::vector<Origin> origins_;  ///< one for each byte of text_
  std::vector<Piece> pieces_;
};

}  // namespace headscope
