// Ctrl+Shift+P: every command by name.
#pragma once

#include <string>
#include <string_view>

#include "app/views/widgets.h"

namespace headscope {

class CommandPalette {
 public:
  void open();
  void draw(ViewContext& context);
  bool is_open() const { return open_; }

 private:
  bool open_ = false;
  bool focus_ = false;
  std::string filter_;
  int current_ = 0;
};

/// Every letter of `pattern` occurs in `text` in order, regardless of case; spaces are skipped.
bool fuzzy_match(std::string_view pattern, std::string_view text);

}  // namespace headscope
