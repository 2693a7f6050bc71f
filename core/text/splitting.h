// Where the documents of any pasted prompt are: formats that RAG programs write, a pattern of the
// user's, or bounds set by hand. Spans are exact bytes of the prompt text before templating.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"
#include "core/text/prompt.h"

namespace headscope {

/// One document as set by hand.
struct DocumentBounds {
  ByteSpan line;            ///< with its marker, such as "[3] "
  std::size_t content = 0;  ///< where the marker ends; the document's text runs to `content_end`
  std::size_t content_end = 0;
  int number = 0;  ///< as shown
  friend bool operator==(const DocumentBounds&, const DocumentBounds&) = default;
};

/// How a prompt's text is split into documents.
struct Splitting {
  /// "auto", the name of a format (split_formats), "pattern" (every match begins a document and is
  /// its marker), "between" (matches stand between documents), "hand", or "none".
  std::string method = "auto";
  std::string pattern;                  ///< regular expression (Oniguruma): pattern and between
  std::vector<DocumentBounds> by_hand;  ///< hand: in order, disjoint
  friend bool operator==(const Splitting&, const Splitting&) = default;
};

/// What a splitting may be called, for combo boxes and messages.
struct SplitFormat {
  const char* name;     ///< "xml"
  const char* label;    ///< "XML elements"
  const char* example;  ///< "<document index=\"1\"> ... </document>"
};
/// Formats that are found by themselves, in the order in which "auto" tries them.
std::span<const SplitFormat> split_formats();
/// A known method's label; "Automatic", "By hand" ... for those that are no format.
std::string split_label(std::string_view method);

/// A text with its documents.
struct SplitPrompt {
  BuiltPrompt prompt;
  std::string method;  ///< the one that was used: never "auto"
  std::string reason;  ///< why, in one line: "4 lines begin with [1], [2] ..."
};

/// Most documents that a splitting other than "Document [1](Title: " may give: more is a mistake,
/// and every one of them is a key set of every head's sums.
inline constexpr std::size_t most_documents = 1000;

/// Splits `text`. Linear in the text; a pattern is given up after half a second. bad_input: an
/// unknown method, an invalid or hopeless pattern, bounds that are not in `text` (out of it, out of
/// order, inside a character), more than `most_documents`.
Result<SplitPrompt> split_prompt(std::string_view text, const Splitting& splitting);

/// What a command line or a file calls a splitting: a method's name, "between:REGEX", else a
/// pattern. usage error when it is empty.
Result<Splitting> splitting_named(const std::string& name);

}  // namespace headscope
