// Small plain types shared by every module.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace headscope {

/// One query head: `head` counts query heads (not key/value heads) within `layer`.
struct HeadId {
  int layer = 0;
  int head = 0;
  friend auto operator<=>(const HeadId&, const HeadId&) = default;
};

/// Half-open range of UTF-8 byte positions [begin, end).
struct ByteSpan {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool empty() const { return begin >= end; }
  bool overlaps(const ByteSpan& other) const { return begin < other.end && other.begin < end; }
  friend bool operator==(const ByteSpan&, const ByteSpan&) = default;
};

/// Half-open range of token positions [begin, end).
struct TokenRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t size() const { return end > begin ? end - begin : 0; }
  bool contains(std::int64_t t) const { return t >= begin && t < end; }
  friend bool operator==(const TokenRange&, const TokenRange&) = default;
};

/// Which query rows an intervention acts on (method.md 2): all rows, rows >= P-1, or rows >= from.
struct RowSelection {
  enum class Kind { all, response, from } kind = Kind::all;
  std::int64_t from = 0;  ///< first edited row, only for Kind::from

  /// First edited row of a prompt of `prompt_tokens` tokens.
  std::int64_t first_row(std::int64_t prompt_tokens) const {
    if (kind == Kind::response) return prompt_tokens > 0 ? prompt_tokens - 1 : 0;
    return kind == Kind::from ? from : 0;
  }
  friend bool operator==(const RowSelection&, const RowSelection&) = default;
};

/// Which response rows a contextual score is read at (method.md, notation).
enum class RowConvention {
  input,    ///< rows P..P+n-1, where response tokens are the input (the authors' convention)
  predict,  ///< rows P-1..P+n-2, where response tokens are predicted
};

}  // namespace headscope
