// Reads the source of a template with llama.cpp's lexer and parser, which recurse: what is nested
// too deep for a stack is refused before they see it.
#pragma once

#include <jinja/runtime.h>

#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/error.h"

namespace headscope::chat {
/// A template as llama.cpp's parser left it.
struct Program {
  ::jinja::program body;
  std::string source;     ///< as it was read; positions of nodes count in it
  std::size_t added = 0;  ///< bytes of the source that were put before the template
  /// Open brackets around the operator at a position of the source.
  std::unordered_map<std::size_t, std::size_t> brackets;
};

/// Errors name the line: "line 3: expected }}".
Result<Program> read_program(std::string_view source);

/// "line 3, near {{ message.content }}" of a position in the program's source.
std::string place_of(const Program& program, std::size_t position);

}  // namespace headscope::chat
