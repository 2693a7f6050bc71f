// Why a head attends where it does: one row of the selected head, its scores in their parts.
#pragma once

#include <memory>
#include <vector>

#include "app/views/widgets.h"
#include "core/engine/explain.h"

namespace headscope {

/// Asks for the scores of the selected head's row for as long as it is drawn. The row follows the
/// response token that is looked at, unless another position is typed.
class ScoreView {
 public:
  void draw(ViewContext& context);

  /// Keys as they are shown, in the order of the table; empty = nothing yet.
  const std::vector<KeyShift>& keys() const { return keys_; }

 private:
  std::int64_t wanted_row(const AppState& state);
  void toolbar(ViewContext& context, std::int64_t row);
  void table(ViewContext& context);
  void key_row(ViewContext& context, const KeyShift& key) const;
  void update(const std::shared_ptr<const ScoreSplit>& split);
  void sort(ImGuiTableSortSpecs& specs);

  std::int64_t typed_row_ = -1;  ///< -1 = the token that is looked at
  std::size_t token_ = 0;        ///< the token when a row was typed: another one takes over
  std::shared_ptr<const ScoreSplit> split_;  ///< what `keys_` is of
  std::vector<KeyShift> keys_;
  bool unsorted_ = true;
};

}  // namespace headscope
