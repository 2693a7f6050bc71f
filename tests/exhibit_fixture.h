// Results of the fake model as exhibits take them, and their tables read back.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/exhibit/views.h"
#include "tests/engine_fixture.h"
#include "tests/ui_fixture.h"

namespace headscope::test {

inline Request edited() {
  Request request = with_tau(engine_request(), 0.1);
  request.selected = {5, 0};
  return request;
}

// The fake model's results, once for all cases.
inline const Snapshot& snapshot() {
  static const std::shared_ptr<Snapshot> made = snapshot_of(edited());
  return *made;
}

inline ShownRuns runs() {
  return *runs_of(snapshot());
}

inline std::string csv_of(const Exhibit& exhibit) {
  const auto csv = table_as_csv(exhibit.table);
  REQUIRE(csv);
  return *csv;
}

// Fields of plain lines (none of these tables has a comma inside a number's row that we look at).
inline std::vector<std::vector<std::string>> lines_of(const std::string& csv) {
  std::vector<std::vector<std::string>> lines;
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : csv) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else if (c == '\n' && !quoted) {
      lines.push_back(std::exchange(fields, std::vector<std::string>(1)));
    } else {
      fields.back() += c;
    }
  }
  return lines;
}

inline float number(const std::string& text) {
  return std::strtof(text.c_str(), nullptr);
}

}  // namespace headscope::test
