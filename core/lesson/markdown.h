// The Markdown of lessons as plain blocks (parsed by md4c, CommonMark), with live numbers in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"

namespace headscope {

/// A number or an answer of the window's current run: {relevant L1H1}, {intervened sink L2H7},
/// {answer}, {intervened answer}. Without the word "intervened" it is the baseline's.
struct LiveValue {
  enum class Kind { answer, relevant, sink, irrelevant } kind = Kind::answer;
  bool intervened = false;
  HeadId head;  ///< not for answers
  friend bool operator==(const LiveValue&, const LiveValue&) = default;
};

/// Text of one look. With `live` its text is what stood between the braces.
struct MarkdownRun {
  std::string text;
  bool bold = false, italic = false, code = false;
  std::optional<LiveValue> live;
};
/// A paragraph or what stands in its place.
struct MarkdownBlock {
  enum class Kind { paragraph, heading, item, code, quote } kind = Kind::paragraph;
  int depth = 0;   ///< of a list in a list, from 0
  int number = 0;  ///< of an ordered list's item; 0 = a bullet
  std::vector<MarkdownRun> runs;
};

using Markdown = std::vector<MarkdownBlock>;

/// Paragraphs, lists, quotes, code, bold, italic; other Markdown is refused by name. Messages begin
/// with "NAME line N", the first line of `text` being line `first_line`.
Result<Markdown> parse_markdown(std::string_view text, const std::string& name, int first_line);

}  // namespace headscope
