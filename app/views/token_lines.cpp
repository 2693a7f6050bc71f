#include "app/views/token_lines.h"

#include <algorithm>
#include <utility>

namespace headscope {
namespace {

// Tokens without a place in the text: a label on one line.
std::string label_of(const TokenView& token) {
  std::string label;
  for (const char c : token.text) label += c == '\n' ? "\\n" : std::string(1, c);
  return label.empty() ? "(empty)" : label;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

}  // namespace

std::vector<TextPiece> prompt_pieces(const PromptView& prompt) {
  std::vector<TextPiece> pieces;
  std::size_t at = 0;
  const auto slice = [&](std::size_t begin, std::size_t end) {
    return prompt.text.substr(begin, end - begin);
  };
  std::size_t last_shown = 0;  // piece that ends at `at`
  for (std::int64_t t = 0; t < prompt.prompt_tokens(); ++t) {
    const TokenView& token = prompt.tokens[static_cast<std::size_t>(t)];
    const ByteSpan span{token.bytes.begin, std::min(token.bytes.end, prompt.text.size())};
    if (span.empty()) {
      pieces.push_back({label_of(token), t, t + 1, true});
      continue;
    }
    if (span.begin < at && last_shown + 1 == pieces.size()) {  // bytes of one character
      pieces.back().last = t + 1;
      if (span.end > at) pieces.back().text += slice(at, span.end);
    } else {
      const std::size_t begin = std::max(at, span.begin);
      if (begin > at) pieces.push_back({slice(at, begin)});
      pieces.push_back({slice(begin, std::max(begin, span.end)), t, t + 1, false});
    }
    last_shown = pieces.size() - 1;
    at = std::max(at, span.end);
  }
  if (at < prompt.text.size()) pieces.push_back({slice(at, prompt.text.size())});
  return pieces;
}

std::vector<TextPiece> response_pieces(const RunResult& run) {
  std::vector<TextPiece> pieces;
  for (const TokenView& token : run.response) {
    const auto t = static_cast<std::int64_t>(pieces.size());
    pieces.push_back({label_of(token), t, t + 1, false});
  }
  return pieces;
}

void TokenLines::set(std::vector<TextPiece> pieces, const Measure& measure) {
  pieces_ = std::move(pieces);
  runs_.clear();
  lines_.clear();
  width_ = -1;
  for (std::size_t i = 0; i < pieces_.size(); ++i) add_runs(static_cast<std::uint32_t>(i), measure);
}

void TokenLines::add_runs(std::uint32_t piece, const Measure& measure) {
  const std::string_view text = pieces_[piece].text;
  std::size_t at = 0;
  do {
    TextRun run;
    run.piece = piece;
    run.begin = static_cast<std::uint32_t>(at);
    run.end = static_cast<std::uint32_t>(std::min(text.find('\n', at), text.size()));
    while (run.begin + run.blanks < run.end && is_blank(text[run.begin + run.blanks])) ++run.blanks;
    at = run.end;
    for (; at < text.size() && text[at] == '\n'; ++at) ++run.breaks;
    run.width = measure(text.substr(run.begin, run.end - run.begin));
    run.blank_width = run.blanks > 0 ? measure(text.substr(run.begin, run.blanks)) : 0;
    runs_.push_back(run);
  } while (at < text.size());
}

bool TokenLines::begins_word(std::size_t run) const {
  if (run == 0 || runs_[run].blanks > 0 || runs_[run - 1].breaks > 0) return true;
  const TextRun& before = runs_[run - 1];
  const TextPiece& piece = pieces_[before.piece];
  return piece.hidden || pieces_[runs_[run].piece].hidden || before.end == before.begin ||
         is_blank(piece.text[before.end - 1]);
}

void TokenLines::wrap(float width) {
  if (width == width_) return;
  width_ = width;
  lines_.clear();
  TextLine line;
  std::uint32_t word = 0;
  float x = 0;
  const auto close = [&](std::uint32_t end, bool wrapped) {
    line.last = end;
    lines_.push_back(line);
    line = {end, end, wrapped};
    x = 0;
  };
  for (std::uint32_t i = 0; i < runs_.size(); ++i) {
    if (begins_word(i)) word = i;
    const bool shows = runs_[i].width > runs_[i].blank_width;  // blanks may hang over the edge
    while (shows && i > line.first && x + runs_[i].width > width) {
      close(word > line.first ? word : i, true);
      for (std::uint32_t k = line.first; k < i; ++k) x += width_of(line, k);
    }
    x += width_of(line, i);
    for (std::uint32_t k = 0; k < runs_[i].breaks; ++k) close(i + 1, false);
  }
  if (line.first < runs_.size()) close(static_cast<std::uint32_t>(runs_.size()), false);
}

std::string_view TokenLines::text_of(const TextLine& line, std::uint32_t index) const {
  const TextRun& run = runs_[index];
  const std::uint32_t cut = line.wrapped && index == line.first ? run.blanks : 0;
  return std::string_view(pieces_[run.piece].text)
      .substr(run.begin + cut, run.end - run.begin - cut);
}

int TokenLines::piece_at(std::size_t line, float x) const {
  if (line >= lines_.size() || x < 0) return -1;
  const TextLine& on = lines_[line];
  float at = 0;
  for (std::uint32_t i = on.first; i < on.last; ++i) {
    at += width_of(on, i);
    if (x < at) return static_cast<int>(runs_[i].piece);
  }
  return -1;
}

}  // namespace headscope
