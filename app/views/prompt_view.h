// The prompt: documents as numbered cards, or one text to edit; samples and data files.
#pragma once

#include <vector>

#include "app/views/widgets.h"

namespace headscope {

class PromptPanel {
 public:
  void draw(ViewContext& context);

 private:
  void chat_switch(ViewContext& context);
  void sample_controls(ViewContext& context);
  void data_pager(ViewContext& context);
  void unknown_words(ViewContext& context);
  void split_controls(ViewContext& context);
  void text_field(ViewContext& context);
  void question_field(ViewContext& context);
  void answers_field(ViewContext& context);
  void undo_while_typing(ViewContext& context);
  void cards(ViewContext& context);
  void card_menu(ViewContext& context, int index);
  void card(ViewContext& context, int index, const DocumentSpan& document, float width);

  std::vector<float> heights_;  ///< of the cards, so that those out of sight cost nothing
  std::vector<bool> expanded_;
  SharedText drawn_;        ///< the text that these are of
  std::string typed_;       ///< what the text field edits
  SharedText typed_of_;     ///< the prompt's text that `typed_` is
  bool show_gold_ = false;  ///< scroll to the gold card: another sample came
  ByteSpan selection_;      ///< of the text field, ordered; its end is the cursor where it is empty
};

}  // namespace headscope
