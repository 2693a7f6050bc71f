// What a run of suites leaves behind: a line a sample, and a table of model x task x length x
// method.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/analysis/statistics.h"
#include "core/base/error.h"
#include "core/base/json.h"

namespace headscope {

/// The method that changes nothing.
inline constexpr const char* suite_baseline = "none";
/// The row over all tasks of a length.
inline constexpr const char* suite_average = "average";

/// One answer. Masses are NaN where nothing is marked as relevant, `value` where a judge is needed.
struct SuiteLine {
  std::string task, category, method, metric;
  std::int64_t index = 0, length = 0, tokens = 0;
  std::string question, response;
  bool em = false;   ///< best_subspan_em
  double value = 0;  ///< by the task's metric
  double relevant_mass = 0, irrelevant_mass = 0, sink_mass = 0;
  std::optional<double> relevant_mass_after = {};  ///< after split-softmax

  /// The same sample under the same method.
  bool same_run(const SuiteLine& other) const {
    return task == other.task && method == other.method && index == other.index &&
           length == other.length && question == other.question;
  }
};

/// The keys of cli.md, and "task","category","length","tokens","method","metric","value".
Json to_json(const SuiteLine& line);
std::string suite_lines_text(std::span<const SuiteLine> lines);
/// ... and back; `name` begins the messages.
Result<std::vector<SuiteLine>> parse_suite_lines(const std::string& text, const std::string& name);

/// One row of the table. `value` and its interval are NaN where a judge is needed.
struct SuiteTableRow {
  std::string model, task, category, method, metric;
  std::int64_t length = 0, n = 0;
  double value = 0;
  Interval interval = {};  ///< 95 %: Wilson's for matches, else bootstrap
  double relevant_mass = 0, irrelevant_mass = 0, sink_mass = 0;
  /// Mean of (this method - none) over the samples that both answered, with a paired bootstrap
  /// interval; nothing for "none" itself.
  std::optional<double> difference = {};
  Interval difference_interval = {};
};

/// Rows in the order in which tasks, lengths and methods first occur, then one "average" a length
/// and method: the mean over tasks that are scored here, where there are several; its intervals
/// draw samples within each task.
std::vector<SuiteTableRow> suite_table(std::span<const SuiteLine> lines, const std::string& model);
/// As the table has it; null where a number is not known.
Json to_json(const SuiteTableRow& row);
/// {"rows":[...]} as suite.json holds it, and back.
Result<std::vector<SuiteTableRow>> parse_suite_table(const Json& file, const std::string& name);
/// Columns as the keys of a row.
std::string suite_csv(std::span<const SuiteTableRow> rows);

}  // namespace headscope
