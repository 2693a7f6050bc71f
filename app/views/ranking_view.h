// The heads as a table: sorted by any column, searched, pinned.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "app/views/head_table.h"
#include "app/views/widgets.h"

namespace headscope {

class RankingView {
 public:
  void draw(ViewContext& context);

  const HeadTable& table() const { return table_; }
  /// As if typed into the search field.
  void search(const std::string& text);

 private:
  void toolbar(ViewContext& context);
  void search_help(const ViewContext& context) const;
  void columns_menu(ViewContext& context);
  void rows(ViewContext& context);
  void row(ViewContext& context, HeadId head, bool on);
  void first_cell(ViewContext& context, HeadId head, bool on);

  HeadTable table_;
  std::array<char, 64> search_{};
  std::vector<HeadColumn> columns_;  ///< of this frame
  float largest_ = 0;                ///< value of a full bar
};

}  // namespace headscope
