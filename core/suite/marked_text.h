// Text that is put together from parts whose place in it is known.
#pragma once

#include <string>
#include <string_view>

#include "core/base/types.h"

namespace headscope {
/// A text that grows and knows where its parts stand.
class MarkedText {
 public:
  /// Appends and returns where it stands.
  ByteSpan add(std::string_view part) {
    const std::size_t begin = text_.size();
    text_ += part;
    return {begin, text_.size()};
  }
  std::size_t size() const { return text_.size(); }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace headscope
