// The user's own head sets: saved under a name, used, combined, loaded, deleted.
#pragma once

#include <array>
#include <functional>
#include <string>

#include "app/views/widgets.h"

namespace headscope {

class HeadSetsView {
 public:
  /// `ask_for_file` opens the dialog for a head set file.
  explicit HeadSetsView(std::function<void()> ask_for_file)
      : ask_for_file_(std::move(ask_for_file)) {}
  void draw(ViewContext& context);

 private:
  void save_line(ViewContext& context);
  void list(ViewContext& context);
  void name_cell(const ViewContext& context, const SavedHeads& saved) const;
  void row(ViewContext& context, const SavedHeads& saved);
  void buttons(ViewContext& context, const SavedHeads& saved);

  std::function<void()> ask_for_file_;
  std::array<char, 96> name_{};
  std::string deleting_;  ///< asked once; a second click deletes
  /// Done after the list was drawn: the list must not change meanwhile.
  std::function<void()> later_;
};

}  // namespace headscope
