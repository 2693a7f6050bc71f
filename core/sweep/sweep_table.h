// results.csv: the table that a sweep leaves, written and read.
#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/sweep/sweep_grid.h"

namespace headscope {

/// A cell with what came out of it.
struct SweepRow {
  SweepCell cell;
  Json summary;  ///< n, em, em_low, em_high, relevant_mass, sink_mass (null where there is none)
};

bool operator<(const SweepRow& a, const SweepRow& b);  ///< by cell

/// The cell's fields and its numbers side by side.
Json to_json(const SweepRow& row);
/// ... and back. bad_input names the field.
Result<SweepRow> row_from_json(const Json& value, const std::string& name);

/// bad_input unless the columns of numbers are numbers (or absent) in `object`, with n.
Result<> check_numbers(const JsonObject& object);

/// Header and rows in the order of the table; numbers as short as they can be read back, empty
/// where there is none. Same rows, same bytes.
std::string sweep_table(std::vector<SweepRow> rows);

/// ... and back; `name` begins the messages. Columns are found by their names, others are left
/// alone; one that is missing, or a line of another length, is bad_input.
Result<std::vector<SweepRow>> parse_sweep_table(const std::string& text, const std::string& name);

}  // namespace headscope
