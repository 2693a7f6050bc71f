// Metaspace: spaces written as U+2581, as SentencePiece does. Shared by pre-tokenizer and decoder.
#pragma once

#include <string>

#include "core/base/error.h"
#include "core/base/json.h"

namespace headscope {
/// The options of "Metaspace".
struct Metaspace {
  enum class Prepend { always, first, never };

  std::string replacement = "\xE2\x96\x81";
  Prepend prepend = Prepend::always;
  bool split = true;
  /// Bad_input names the field.
  static Result<Metaspace> read(const JsonObject& object);
};

}  // namespace headscope
