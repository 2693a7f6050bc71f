// The prompt made of documents (method.md 6) with exact byte spans, and its way back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/types.h"

namespace headscope {

/// One search result.
struct Document {
  std::string title;
  std::string text;
  bool gold = false;
  bool has_answer = false;
};

/// One question with its documents, in the order in which they are numbered.
struct QaSample {
  std::string question;
  std::vector<std::string> answers;
  std::vector<Document> documents;
  std::int64_t index = 0;  ///< position in its data set, from 0

  std::optional<std::size_t> gold_position() const;  ///< first gold document, from 0
};
/// Which documents are in a prompt.
enum class PromptKind {
  all,        ///< every document
  gold_only,  ///< the upper baseline
  no_gold,    ///< the lower baseline
};

/// "all", "gold", "no-gold", as users and files name them, and back.
std::string prompt_name(PromptKind kind);
std::optional<PromptKind> prompt_kind_named(std::string_view name);

/// Where one document of a prompt stands; spans are bytes of the prompt text before templating.
struct DocumentSpan {
  int number = 0;     ///< as shown: Document [number]
  ByteSpan line;      ///< "Document [3](Title: T) text", without the newline
  ByteSpan relevant;  ///< from "(Title:" to the end of the document's text (the span G)
  bool gold = false;
  std::string title;
};
/// A prompt's text, and where its parts stand.
struct BuiltPrompt {
  std::string text;
  std::vector<DocumentSpan> documents;
  ByteSpan question;  ///< the question itself, without "Question: "

  std::vector<ByteSpan> gold_spans() const;   ///< relevant spans of the gold documents
  std::vector<ByteSpan> other_spans() const;  ///< relevant spans D_1..D_n of the others
};

/// The exact prompt of method.md 6. Documents keep their original numbers in every kind. With no
/// documents left, the list between the two blank lines is simply empty.
BuiltPrompt build_prompt(const QaSample& sample, PromptKind kind = PromptKind::all);

/// Recovers the documents of a text in this format, also when edited by hand: a document begins at
/// a line start with "Document [n](Title: " and ends before the next one or before the blank line
/// that precedes the last "Question:" (documents of several lines are kept whole). `gold` is false
/// everywhere: what is gold is given by index.
BuiltPrompt find_documents(std::string_view prompt_text);

}  // namespace headscope
