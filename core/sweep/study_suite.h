// The table of long-context suites: model x task x length, without and with interventions. Any
// program may write its file:
//
//   {"rows": [{"model":"demo","task":"kv-recall","length":1024,"method":"none","metric":"accuracy",
//              "n":50,"value":0.62,"low":0.48,"high":0.74}, ...], "passport": {...}}
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/session/passport.h"
#include "core/sweep/sweep_figures.h"

namespace headscope {
/// One metric of one task at one length.
struct SuiteRow {
  std::string model, task, method, metric;
  std::int64_t length = 0;  ///< tokens
  std::int64_t n = 0;
  double value = 0, low = 0, high = 0;  ///< interval: 95 %; all NaN where there is no result
};
/// Results of long-context suites as they lie in a file.
struct SuiteTable {
  std::vector<SuiteRow> rows;
  Passport passport;
};

/// Whether a JSON document is meant as such a table.
bool is_suite_table(const Json& value);
/// bad_input names the row and the field. `method` may be left out ("none"), so may low and high.
Result<SuiteTable> suite_table_from_json(const Json& value, const std::string& name);

/// Rows model x task x method, a column for each length; the best method of a task and length in
/// bold. CSV: the rows as they are.
NamedFigure suite_figure(const SuiteTable& table, const figure::Provenance& provenance);

}  // namespace headscope
