// Text that arrives in pieces, handed on in whole lines.
#pragma once

#include <string>
#include <string_view>

#include "core/base/process.h"

namespace headscope {

/// Keeps the part of a line that has come so far; `listener` must live as long.
class LineReader {
 public:
  explicit LineReader(const LineListener& listener) : listener_(listener) {}
  /// Hands over what has become a whole line since the last call.
  void take(std::string_view text) {
    if (!listener_) return;
    pending_ += text;
    std::size_t begin = 0;
    for (std::size_t end; (end = pending_.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      listener_(pending_.substr(begin, end - begin));
    }
    pending_.erase(0, begin);
  }

 private:
  const LineListener& listener_;
  std::string pending_;
};

}  // namespace headscope
