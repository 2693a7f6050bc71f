#include "core/text/aligned_text.h"

#include <algorithm>

#include "core/text/unicode.h"

namespace headscope {
namespace {

/// Joins neighbours of the same kind.
std::vector<Segment> contiguous(const std::vector<Segment>& segments) {
  std::vector<Segment> joined;
  bool previous = false;
  for (const Segment& segment : segments) {
    if (segment.is_match == previous && !joined.empty()) {
      joined.back().end = segment.end;
    } else {
      joined.push_back(segment);
    }
    previous = segment.is_match;
  }
  return joined;
}

/// A match goes to the segment before it, unless that is a match itself.
std::vector<Segment> merged_with_previous(const std::vector<Segment>& segments) {
  std::vector<Segment> joined;
  bool previous = false;
  for (const Segment& segment : segments) {
    if (segment.is_match && !previous && !joined.empty()) {
      joined.back().end = segment.end;
    } else {
      joined.push_back(segment);
    }
    previous = segment.is_match;
  }
  return joined;
}

/// The same, seen from the end.
std::vector<Segment> merged_with_next(const std::vector<Segment>& segments) {
  std::vector<Segment> joined;
  bool previous = false;
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    if (segment->is_match && !previous && !joined.empty()) {
      joined.back().begin = segment->begin;
    } else {
      joined.push_back(*segment);
    }
    previous = segment->is_match;
  }
  std::reverse(joined.begin(), joined.end());
  return joined;
}

}  // namespace

std::vector<Segment> split_segments(std::vector<Segment> segments, SplitBehavior behavior) {
  switch (behavior) {
    case SplitBehavior::isolated:
      return segments;
    case SplitBehavior::removed:
      std::erase_if(segments, [](const Segment& segment) { return segment.is_match; });
      return segments;
    case SplitBehavior::contiguous:
      return contiguous(segments);
    case SplitBehavior::merged_with_previous:
      return merged_with_previous(segments);
    case SplitBehavior::merged_with_next:
      return merged_with_next(segments);
  }
  return segments;
}

void PieceRewriter::put(char32_t point, Origin origin) {
  put(unicode::encoded(point), origin);
}

void PieceRewriter::keep_with_prefix(std::string_view prefix) {
  if (!text_.empty()) put(prefix, origin(0));
  keep(0, text_.size());
}

void PieceRewriter::put_changed(char32_t point, int change) {
  if (change > 0) {
    put(point, origin_before(used_));
    return;
  }
  Origin place = origin(std::min(used_, text_.size() - 1));
  if (left_out_) place.begin = origin(*left_out_).begin;
  left_out_.reset();
  put(point, place);
  use_up(1 - change);
}

void PieceRewriter::leave_out(int count) {
  if (count > 0 && !left_out_) left_out_ = used_;
  use_up(count);
}

void PieceRewriter::use_up(int count) {
  for (; count > 0 && used_ < text_.size(); --count) used_ += unicode::length_of(text_[used_]);
}

AlignedText::AlignedText(std::string_view original)
    : original_bytes_(original.size()), text_(original) {
  origins_.reserve(original.size());
  for (std::size_t at = 0; at < original.size();) {
    const std::size_t length = unicode::length_of(original[at]);
    const Origin origin{static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + length)};
    origins_.insert(origins_.end(), length, origin);
    at += length;
  }
  if (!original.empty()) pieces_.push_back({0, original.size(), 0, -1});
}

Result<> AlignedText::split(const Cutter& cutter) {
  std::vector<Piece> result;
  result.reserve(pieces_.size());
  std::vector<Cut> cuts;
  for (const Piece& piece : pieces_) {
    if (piece.token >= 0) {
      result.push_back(piece);
      continue;
    }
    cuts.clear();
    HEADSCOPE_TRY(cutter(text_of(piece), cuts));
    for (const Cut& cut : cuts) {
      if (cut.begin >= cut.end) continue;
      const std::size_t begin = piece.begin + cut.begin;
      result.push_back({begin, piece.begin + cut.end, origins_[begin].begin, cut.token});
    }
  }
  pieces_ = std::move(result);
  return {};
}

Result<> AlignedText::rewrite(const Writer& writer) {
  std::string text;
  std::vector<Origin> origins;
  text.reserve(text_.size() + text_.size() / 4);
  origins.reserve(text.capacity());
  std::vector<Piece> result;
  result.reserve(pieces_.size());
  const std::size_t most = 32 * original_bytes_ + (std::size_t{1} << 20);
  for (Piece piece : pieces_) {
    const std::size_t begin = text.size();
    PieceRewriter rewriter(text_of(piece), origins_.data() + piece.begin, piece.origin_begin, most,
                           text, origins);
    if (piece.token >= 0) {
      rewriter.keep(0, rewriter.text().size());
    } else {
      HEADSCOPE_TRY(writer(piece, rewriter));
      if (rewriter.too_long()) {
        return bad_input("the tokenizer's normalizer makes a text of " +
                         std::to_string(original_bytes_) + " bytes longer than " +
                         std::to_string(most));
      }
    }
    piece.begin = begin;
    piece.end = text.size();
    if (piece.begin < piece.end) result.push_back(piece);
  }
  text_ = std::move(text);
  origins_ = std::move(origins);
  pieces_ = std::move(result);
  return {};
}

}  // namespace headscope
