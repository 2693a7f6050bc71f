// A lesson's text: wrapped, with bold, italic, code, lists and live numbers.
#pragma once

#include <functional>
#include <string>

#include "app/views/widgets.h"
#include "core/lesson/markdown.h"

namespace headscope {

/// What stands in the text for a number or answer of the current run.
using LiveText = std::function<std::string(const LiveValue&)>;

/// Draws at the cursor, as wide as the room that is left, and advances it.
void markdown_text(const ViewContext& context, const Markdown& markdown, const LiveText& live);

}  // namespace headscope
