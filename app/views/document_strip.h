// Heat strip of response tokens and documents: which document took the attention at which token.
#pragma once

#include <memory>
#include <vector>

#include "app/views/widgets.h"

namespace headscope {

class DocumentStrip {
 public:
  /// Fills the rest of the window. A click on a document scrolls the prompt to it.
  void draw(ViewContext& context, const std::vector<HeadId>& heads);
  /// Of two runs the intervened one is on screen.
  bool shows_intervened() const { return intervened_; }

 private:
  void update(ViewContext& context, const std::vector<HeadId>& heads);
  void labels(ViewContext& context, ImVec2 origin, ImVec2 cell) const;
  void hover(ViewContext& context, ImVec2 origin, ImVec2 cell);

  std::shared_ptr<const RunResult> of_;  ///< whose masses are held
  std::shared_ptr<const PromptView> prompt_;
  std::vector<HeadId> heads_;
  std::shared_ptr<const std::vector<float>> masses_;  ///< [documents + 1, rows]
  float most_ = 1;
  bool intervened_ = false;  ///< which run is shown, where there are two
};

/// Scrolls the prompt to a document and brings it to the front.
void show_in_prompt(AppState& state, int document);

}  // namespace headscope
