#include "core/sweep/study_suite.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "core/figure/csv.h"
#include "core/figure/ticks.h"

namespace headscope {
namespace {

constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

Result<SuiteRow> read_row(const JsonObject& object) {
  SuiteRow row;
  HEADSCOPE_ASSIGN(row.model, object.string_or("model", ""));
  HEADSCOPE_ASSIGN(row.task, object.string("task"));
  HEADSCOPE_ASSIGN(row.method, object.string_or("method", "none"));
  HEADSCOPE_ASSIGN(row.metric, object.string_or("metric", ""));
  HEADSCOPE_ASSIGN(row.length, object.integer("length", 1));
  HEADSCOPE_ASSIGN(row.n, object.integer_or("n", 0));
  HEADSCOPE_ASSIGN(row.value, object.number_or("value", undefined));
  HEADSCOPE_ASSIGN(row.low, object.number_or("low", undefined));
  HEADSCOPE_ASSIGN(row.high, object.number_or("high", undefined));
  return row;
}

// In order of first mention, so that the file decides what stands first.
template <class Key>
struct Ordered {
  std::vector<Key> keys;
  void add(const Key& key) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  }
};

using TaskKey = std::tuple<std::string, std::string, std::string>;  // model, task, metric

struct Lookup {
  Ordered<TaskKey> tasks;
  std::map<TaskKey, Ordered<std::string>> methods;
  std::set<std::int64_t> lengths;
  std::map<std::tuple<TaskKey, std::string, std::int64_t>, const SuiteRow*> rows;

  explicit Lookup(const SuiteTable& table) {
    for (const SuiteRow& row : table.rows) {
      const TaskKey key{row.model, row.task, row.metric};
      tasks.add(key);
      methods[key].add(row.method);
      lengths.insert(row.length);
      rows[{key, row.method, row.length}] = &row;
    }
  }

  const SuiteRow* find(const TaskKey& task, const std::string& method, std::int64_t length) const {
    const auto found = rows.find({task, method, length});
    return found == rows.end() ? nullptr : found->second;
  }

  // Best at this task and length, where more than one method was run.
  double best(const TaskKey& task, std::int64_t length) const {
    double best = undefined;
    int measured = 0;
    for (const std::string& method : methods.at(task).keys) {
      const SuiteRow* row = find(task, method, length);
      if (row == nullptr || !std::isfinite(row->value)) continue;
      ++measured;
      best = std::isnan(best) ? row->value : std::max(best, row->value);
    }
    return measured > 1 ? best : undefined;
  }
};

figure::TableCell cell_of(const SuiteRow* row, double best) {
  if (row == nullptr || !std::isfinite(row->value)) return {"–", "", false};
  figure::TableCell cell{figure::fixed(row->value, 2), "", row->value == best};
  if (std::isfinite(row->low) && std::isfinite(row->high)) {
    cell.below = figure::fixed(row->low, 2) + "–" + figure::fixed(row->high, 2);
  }
  return cell;
}

std::string length_name(std::int64_t length) {
  return length >= 1024 && length % 1024 == 0 ? std::to_string(length / 1024) + "k"
                                              : std::to_string(length);
}

std::string method_text(const std::string& method) {
  return method == "none" ? "no intervention" : method;
}

std::string csv_of_rows(const SuiteTable& table) {
  using figure::csv_field;
  using figure::csv_number;
  std::string text = figure::csv_line(
      {"model", "task", "length", "method", "metric", "n", "value", "low", "high"});
  for (const SuiteRow& row : table.rows) {
    text += figure::csv_line({csv_field(row.model), csv_field(row.task), std::to_string(row.length),
                              csv_field(row.method), csv_field(row.metric), std::to_string(row.n),
                              csv_number(row.value), csv_number(row.low), csv_number(row.high)});
  }
  return text;
}

// "n = 50", or "n = 20 to 50".
std::string counts_text(const SuiteTable& table) {
  std::int64_t least = std::numeric_limits<std::int64_t>::max(), most = 0;
  for (const SuiteRow& row : table.rows) {
    least = std::min(least, row.n);
    most = std::max(most, row.n);
  }
  if (most == 0) return "";
  const std::string range =
      least == most ? std::to_string(most) : std::to_string(least) + " to " + std::to_string(most);
  return " n = " + range + " questions a cell.";
}

std::vector<figure::TableRow> table_rows(const Lookup& lookup) {
  std::vector<figure::TableRow> rows;
  std::string last_model = "\n";
  for (const TaskKey& task : lookup.tasks.keys) {
    const auto& [model, name, metric] = task;
    bool first = true;
    for (const std::string& method : lookup.methods.at(task).keys) {
      figure::TableRow row;
      row.rule_above = first;
      row.names = {first && model != last_model ? model : "",
                   first ? name + (metric.empty() ? "" : " (" + metric + ")") : "",
                   method_text(method)};
      for (const std::int64_t length : lookup.lengths) {
        row.cells.push_back(cell_of(lookup.find(task, method, length), lookup.best(task, length)));
      }
      rows.push_back(std::move(row));
      last_model = model;
      first = false;
    }
  }
  return rows;
}

}  // namespace

bool is_suite_table(const Json& value) {
  if (!value.is_object() || !value.contains("rows") || !value["rows"].is_array()) return false;
  const Json& rows = value["rows"];
  return !rows.empty() && rows[0].is_object() && rows[0].contains("task") &&
         rows[0].contains("length");
}

Result<SuiteTable> suite_table_from_json(const Json& value, const std::string& name) {
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(value, name));
  HEADSCOPE_ASSIGN(const Json* list, object.array("rows"));
  SuiteTable table;
  for (std::size_t i = 0; i < list->size(); ++i) {
    HEADSCOPE_ASSIGN(const auto entry, object.element("rows", i));
    HEADSCOPE_ASSIGN(auto row, read_row(entry));
    table.rows.push_back(std::move(row));
  }
  if (table.rows.empty()) return bad_input(name + ": field 'rows' is empty");
  if (object.has("passport")) {
    HEADSCOPE_ASSIGN(table.passport, passport_from_json(*object.find("passport"), name));
  }
  return table;
}

NamedFigure suite_figure(const SuiteTable& table, const figure::Provenance& provenance) {
  const Lookup lookup(table);
  figure::TableFigure f;
  f.title = "Long-context suites, without and with interventions";
  f.name_columns = {"Model", "Task (metric)", "Method"};
  f.column_unit = "Length of the prompt (tokens)";
  for (const std::int64_t length : lookup.lengths) f.columns.push_back(length_name(length));
  f.rows = table_rows(lookup);
  f.text =
      "Below each value: its 95 % interval; bold: the best method of a task and length; –: not "
      "run." +
      counts_text(table);
  f.csv = csv_of_rows(table);
  f.provenance = provenance;
  return {"long-context", std::move(f)};
}

}  // namespace headscope
