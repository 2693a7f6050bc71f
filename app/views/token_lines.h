// A tokenised text in lines: pieces that are painted and pointed at as one, and where they stand.
// Knows no drawing: the width of a text is a function it is given.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/snapshot.h"

namespace headscope {

/// A token, several that share a character, or text that no token covers.
struct TextPiece {
  std::string text;
  std::int64_t first = 0, last = 0;  ///< tokens [first, last); none: between tokens
  bool hidden = false;               ///< its tokens have no place in the text: a label stands here

  bool is_token() const { return last > first; }
};

/// The prompt's text in pieces: joined, those that are not hidden give the text again.
std::vector<TextPiece> prompt_pieces(const PromptView& prompt);

/// The tokens of a response, a piece each.
std::vector<TextPiece> response_pieces(const RunResult& run);

/// A part of a piece without line breaks. Blanks that begin it are not drawn where a
/// line was broken.
struct TextRun {
  std::uint32_t piece = 0;
  std::uint32_t begin = 0, end = 0;  ///< bytes of the piece's text
  std::uint32_t blanks = 0;          ///< bytes of blanks that begin it
  std::uint32_t breaks = 0;          ///< line breaks that follow
  float width = 0, blank_width = 0;
};

/// Runs [first, last) on one line.
struct TextLine {
  std::uint32_t first = 0, last = 0;
  bool wrapped = false;  ///< begins where the text has no line break: without blanks
};

/// Lines of pieces. Measuring costs once per text and font, breaking once per width; what one
/// frame needs of it depends on the lines it shows alone.
class TokenLines {
 public:
  using Measure = std::function<float(std::string_view)>;

  /// Measures every piece.
  void set(std::vector<TextPiece> pieces, const Measure& measure);
  /// Breaks into lines of `width`; does nothing when they are. Words stay whole where they fit.
  void wrap(float width);

  const std::vector<TextPiece>& pieces() const { return pieces_; }
  const std::vector<TextRun>& runs() const { return runs_; }
  const std::vector<TextLine>& lines() const { return lines_; }
  /// Text and width of run `index` as it is drawn on `line`.
  std::string_view text_of(const TextLine& line, std::uint32_t index) const;
  float width_of(const TextLine& line, std::uint32_t index) const {
    const TextRun& run = runs_[index];
    return line.wrapped && index == line.first ? run.width - run.blank_width : run.width;
  }
  /// Index of the piece at `x` on a line, -1 = none.
  int piece_at(std::size_t line, float x) const;

 private:
  void add_runs(std::uint32_t piece, const Measure& measure);
  bool begins_word(std::size_t run) const;

  std::vector<TextPiece> pieces_;
  std::vector<TextRun> runs_;
  std::vector<TextLine> lines_;
  float width_ = -1;
};

}  // namespace headscope
