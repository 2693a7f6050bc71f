// A table set as a figure: rows of settings, columns of lengths, values with intervals below them.
#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/figure/page.h"

namespace headscope::figure {
/// A number as it is written, with its interval.
struct TableCell {
  std::string text;   ///< "0.71"
  std::string below;  ///< smaller, "0.63–0.78"; empty = nothing
  bool bold = false;
};
/// Names of a row, then its cells.
struct TableRow {
  std::vector<std::string> names;  ///< as many as name_columns; empty ones repeat those above
  std::vector<TableCell> cells;    ///< as many as columns
  bool rule_above = false;         ///< a line across the table before this row
};
/// A table as it stands in a paper.
struct TableFigure {
  std::string title, subtitle, text;
  std::vector<std::string> name_columns, columns;
  std::string column_unit;  ///< above the columns' names: "Length of the prompt (tokens)"
  std::vector<TableRow> rows;
  std::string csv;  ///< the numbers, as they were measured
  Provenance provenance;
};

/// bad_input without rows, or when a row has another number of cells than the table has columns.
Result<Scene> draw_table(const TableFigure& figure, const Options& options);

}  // namespace headscope::figure
