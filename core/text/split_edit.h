// Corrections of a splitting by hand. Every function takes and gives bounds that are in order and
// disjoint, inside the text and between whole characters.
#pragma once

#include <string_view>
#include <vector>

#include "core/text/splitting.h"

namespace headscope {
/// Where the documents are, and their numbers.
std::vector<DocumentBounds> bounds_of(const std::vector<DocumentSpan>& documents);

/// The document that holds byte `at` becomes two; nothing changes outside documents, or where one
/// of the two would be blank.
std::vector<DocumentBounds> split_at(std::string_view text, std::vector<DocumentBounds> bounds,
                                     std::size_t at);
/// Document `index` takes in the one after it and what lies between them.
std::vector<DocumentBounds> merge_with_next(std::vector<DocumentBounds> bounds, std::size_t index);
/// Document `index` becomes ordinary text of the prompt.
std::vector<DocumentBounds> without(std::vector<DocumentBounds> bounds, std::size_t index);
/// `span` becomes a document of its own; what it cuts off of others stays as documents. Nothing
/// changes where it is blank. `place` is set to its index.
std::vector<DocumentBounds> with_document(std::string_view text, std::vector<DocumentBounds> bounds,
                                          ByteSpan span, std::size_t& place);
/// Follows an edit of the text: bounds behind it move, those inside it close in on it; documents
/// that are gone are left out.
std::vector<DocumentBounds> after_edit(std::string_view before, std::string_view after,
                                       std::vector<DocumentBounds> bounds);

/// The prompt without document `index` and the blanks that set it apart: how a model reads it when
/// that document was never retrieved. Spans are those of the new text; the others keep numbers and
/// marks.
BuiltPrompt without_document(const BuiltPrompt& built, std::size_t index);

}  // namespace headscope
