// The formats of splitting.h, one finder each; used by splitting.cpp alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/types.h"
#include "core/text/prompt.h"

namespace headscope::split {

/// What a finder made of a text. No documents = not this format.
struct Found {
  std::vector<DocumentSpan> documents;
  std::string reason;
};

/// A place where a document begins, or (`ends_only`) where the one before ends.
struct Start {
  std::size_t begin = 0;    ///< of the marker
  std::size_t content = 0;  ///< behind it
  int number = 0;           ///< 0 = counted
  bool ends_only = false;
};

/// Documents from their starts, the last one up to `end`; blanks around a document are not its.
std::vector<DocumentSpan> documents_from(std::string_view text, const std::vector<Start>& starts,
                                         std::size_t end);

/// "[1] text", "[doc2]: text"
Found numbered(std::string_view text);
/// "Passage 1: text", "Source 2:\ntext", "### Document 3"
Found passages(std::string_view text);
/// "Document (Title: T): text", "[ID: 7] Document (Title: T): text"
Found helmet(std::string_view text);
/// "<document index="1"> ... </document>" and the like
Found xml(std::string_view text);
/// "[Document(metadata={...}, page_content='...'), ...]", "page_content='...' metadata={...}"
Found langchain(std::string_view text);
/// "Source: S\nContent: text" and "Content: text\nSource: S"
Found source_content(std::string_view text);
/// Nodes between two lines of dashes, each with its metadata or set apart by blank lines
Found llamaindex(std::string_view text);
/// Sections of a Markdown text
Found headings(std::string_view text);
/// Paragraphs, without the instruction before them
Found blank_lines(std::string_view text);

/// The part of a text that holds documents: behind an instruction or a "Context:" and before the
/// question.
ByteSpan context_region(std::string_view text);

/// The question of a prompt whose documents are known: behind "Question:" and the like, after the
/// documents or before them; empty when there is none.
ByteSpan find_question(std::string_view text, const std::vector<DocumentSpan>& documents);
/// Begin of the line in which the question behind the documents (those begin at `from`) or the
/// answer's mark stands; the text's end when there is none.
std::size_t closing_line(std::string_view text, std::size_t from);

/// A short name of a document: its title or source where it says one, else its first words.
std::string title_of(std::string_view content);

}  // namespace headscope::split
