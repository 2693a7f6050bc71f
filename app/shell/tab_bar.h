// The prompts that are open, as tabs below the menu; nothing while there is one alone.
#pragma once

#include <cstdint>
#include <string>

#include "app/shell/prompt_tabs.h"
#include "app/views/widgets.h"

namespace headscope {

class TabBar {
 public:
  void draw(ViewContext& context, PromptTabs& prompts);
  /// Asks for another name of the tab in front, in a small popup.
  void ask_for_name() { ask_ = true; }

 private:
  void tabs(ViewContext& context, PromptTabs& prompts);
  void name_popup(PromptTabs& prompts);

  std::uint64_t shown_ = 0;  ///< key of the tab that was in front when it was drawn last
  std::uint64_t order_ = 0;  ///< of keys as ImGui knows it, as one number
  int generation_ = 0;       ///< a new tab bar begins in our order
  bool ask_ = false;
  std::string name_;
};

}  // namespace headscope
