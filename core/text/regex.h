// Regular expressions of tokenizer files: Oniguruma, the engine of the Hugging Face tokenizers.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"
#include "core/text/aligned_text.h"

namespace headscope {

/// A compiled expression, or a plain string to look for. Cheap to copy; const use is thread-safe.
class Pattern {
 public:
  /// `where` begins the message when the expression is not valid.
  static Result<Pattern> regex(const std::string& expression, const std::string& where);
  static Pattern literal(std::string text);  ///< found as it is written

  /// Covers `text` (valid UTF-8) with segments: matches and what lies between them, in order.
  /// bad_input when a match takes more steps or memory than any sensible expression needs.
  Result<> find(std::string_view text, std::vector<Segment>& segments) const;

  /// The first `most` + 1 matches in order, for expressions that a user types: bad_input when it
  /// takes longer than `seconds` in all.
  Result<std::vector<ByteSpan>> matches(std::string_view text, std::size_t most,
                                        double seconds) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;  ///< null: literal
  std::string literal_;
};

/// While one lives, all calls of Pattern::find on its thread together may take no longer than two
/// seconds, and one more for each megabyte of text; then they fail. Expressions of strangers could
/// otherwise take their steps at every place of a text. They do not nest.
class PatternTime {
 public:
  explicit PatternTime(std::size_t text_bytes);
  PatternTime(const PatternTime&) = delete;
  PatternTime& operator=(const PatternTime&) = delete;
  ~PatternTime();
};

}  // namespace headscope
