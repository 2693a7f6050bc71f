// What the long-context suites of a study left (claim C24).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/suite/result.h"

namespace headscope::study {

/// A task that could not be run at a length, and why.
struct LeftOutTask {
  std::string task;
  std::int64_t length = 0;
  std::string reason;
};
/// Long-context suites of a study, as they lie in its folder.
struct SuiteCheck {
  std::string study;  ///< fingerprint
  bool complete = false;
  std::vector<SuiteTableRow> rows;  ///< without ("none") and with focus directions
  std::vector<LeftOutTask> left_out;
};
/// Suite.json, and back; `name` begins the messages.
Json to_json(const SuiteCheck& check);
Result<SuiteCheck> suite_check_from(const Json& value, const std::string& name);

/// The row that stands for a length, with focus directions: the average over tasks, or the only
/// task; null when nothing was scored there. Its `difference` is the effect.
const SuiteTableRow* effect_at(const std::vector<SuiteTableRow>& rows, std::int64_t length);

/// The row of the same task and length without intervention; null when there is none.
const SuiteTableRow* baseline_of(const std::vector<SuiteTableRow>& rows, const SuiteTableRow& row);

}  // namespace headscope::study
