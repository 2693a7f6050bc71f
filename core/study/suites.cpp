#include "core/study/suites.h"

#include <algorithm>

namespace headscope::study {

Json to_json(const SuiteCheck& check) {
  Json rows = Json::array(), left_out = Json::array();
  for (const SuiteTableRow& row : check.rows) rows.push_back(headscope::to_json(row));
  for (const LeftOutTask& task : check.left_out) {
    left_out.push_back({{"task", task.task}, {"length", task.length}, {"reason", task.reason}});
  }
  return {{"study", check.study},
          {"complete", check.complete},
          {"rows", std::move(rows)},
          {"left_out", std::move(left_out)}};
}

Result<SuiteCheck> suite_check_from(const Json& value, const std::string& name) {
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(value, name));
  SuiteCheck check;
  HEADSCOPE_ASSIGN(check.study, object.string("study"));
  HEADSCOPE_ASSIGN(check.complete, object.boolean("complete"));
  HEADSCOPE_ASSIGN(check.rows, parse_suite_table(value, name));
  HEADSCOPE_ASSIGN(const Json* list, object.array("left_out"));
  for (std::size_t i = 0; i < list->size(); ++i) {
    HEADSCOPE_ASSIGN(const auto entry, object.element("left_out", i));
    LeftOutTask task;
    HEADSCOPE_ASSIGN(task.task, entry.string("task"));
    HEADSCOPE_ASSIGN(task.length, entry.integer("length", 0));
    HEADSCOPE_ASSIGN(task.reason, entry.string("reason"));
    check.left_out.push_back(std::move(task));
  }
  return check;
}

const SuiteTableRow* effect_at(const std::vector<SuiteTableRow>& rows, std::int64_t length) {
  const SuiteTableRow* found = nullptr;
  for (const SuiteTableRow& row : rows) {
    if (row.length != length || !row.difference) continue;
    if (found == nullptr || row.task == suite_average) found = &row;
  }
  return found;
}

const SuiteTableRow* baseline_of(const std::vector<SuiteTableRow>& rows, const SuiteTableRow& row) {
  const auto found = std::ranges::find_if(rows, [&](const SuiteTableRow& other) {
    return other.task == row.task && other.length == row.length && other.method == suite_baseline;
  });
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace headscope::study
