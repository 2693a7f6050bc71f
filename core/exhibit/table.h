// What is drawn, as numbers in rows: made line by line when somebody writes it, so that a map of
// millions of weights costs no second copy.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/run_context.h"

namespace headscope {

/// One field; monostate = no value (NaN counts as none).
using Cell = std::variant<std::monostate, std::int64_t, float, double, std::string>;
/// Rows that are made when they are asked for, so that large ones take no memory.
struct Table {
  std::vector<std::string> columns;
  std::size_t rows = 0;
  std::function<std::vector<Cell>(std::size_t row)> row;  ///< as many cells as columns

  bool empty() const { return rows == 0; }
};

/// A table whose rows are there already.
Table table_of(std::vector<std::string> columns, std::vector<std::vector<Cell>> rows);

/// The table in `csv` (RFC 4180, the first line names the columns), its fields as text.
Table table_from_csv(const std::string& csv);

/// Rows that are written at most: more of them no program opens.
inline constexpr std::size_t kMostTableRows = 4'000'000;

/// The numbers as short as they can be read back; the first line names the columns. Cancelled, or
/// bad_input for too many rows.
Result<std::string> table_as_csv(const Table& table, const RunContext& context = {});
/// Tab-separated for the clipboard; tabs and line breaks inside a field become spaces.
Result<std::string> table_as_tabs(const Table& table, const RunContext& context = {});
/// {"columns":[...],"rows":[[...],...]}
Result<Json> table_as_json(const Table& table, const RunContext& context = {});

}  // namespace headscope
