// Where the sentences of a text end.
#pragma once

#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"

namespace headscope {

/// Sentences of a text by Unicode's rules (UAX 29, ICU), less the breaks after English
/// abbreviations such as "Dr.", in order and without gaps: the blanks and line breaks after a
/// sentence belong to it. A line break always ends one. Bytes that are no UTF-8 count as unknown
/// characters. Errors: internal (ICU without its data).
Result<std::vector<ByteSpan>> find_sentences(std::string_view text);

}  // namespace headscope
