// links: headscope_sweep headscope_suite
// longest: 4096
// words: core/sweep/control_json.cpp core/sweep/result_lines.cpp
// core/sweep/study_bench.cpp core/sweep/study_suite.cpp core/sweep/sweep_*.cpp
// core/suite/result.cpp What evaluations, sweeps, suites and the control experiment leave; the
// first byte says which of them it is.
#include "core/suite/result.h"
#include "core/sweep/control_result.h"
#include "core/sweep/result_lines.h"
#include "core/sweep/study_bench.h"
#include "core/sweep/study_suite.h"
#include "core/sweep/sweep_folder.h"
#include "core/sweep/sweep_table.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;
using fuzz::require;

namespace {

template <class Parse, class Write>
void lines_same_again(std::string_view text, Parse parse, Write write) {
  const auto first = parse(std::string(text), std::string("input"));
  if (!first) return;
  const std::string written = write(*first);
  if (first->empty()) return;
  const auto second = parse(written, std::string("written"));
  require(second && write(*second) == written,
          "lines that were read can be written and read again");
}

void read_cell(std::string_view text) {
  fuzz::require_same_again(
      text, [](const Json& json) { return sweep_result_from_json(json, "input"); },
      [](const SweepResult& result) {
        require(cell_name(result.cell).find_first_of("/\\") == std::string::npos,
                "a cell's name is the name of a file");
        return to_json(result);
      },
      "a cell that was read can be written and read again");
}

}  // namespace

FUZZ_READER(results) {
  const std::string_view all = fuzz::text_of(input);
  if (all.empty()) return;
  const std::string_view text = all.substr(1);
  switch (all.front()) {
    case 'e':
      return lines_same_again(text, parse_result_lines, [](const auto& samples) {
        return result_lines(EvaluateRun{samples, {}, false});
      });
    case 's':
      return lines_same_again(text, parse_suite_lines,
                              [](const auto& lines) { return suite_lines_text(lines); });
    case 't':
      return lines_same_again(text, parse_sweep_table,
                              [](const auto& rows) { return sweep_table(rows); });
    case 'c':
      return read_cell(text);
    case 'u':
      if (const auto json = parse_json(text, "input")) {
        (void)parse_suite_table(*json, "input");
        (void)suite_table_from_json(*json, "input");
      }
      return;
    case 'r':
      return fuzz::require_same_again(
          text, [](const Json& json) { return control_result_from_json(json, "input"); },
          [](const ControlResult& result) { return to_json(result); },
          "a control result that was read can be written and read again");
    case 'b':
      if (const auto json = parse_json(text, "input")) {
        (void)provenance_of_bench(*json, "input");
        if (is_bench_report(*json)) (void)bench_figures(*json, "input", {});
      }
      return;
    default:
      return;
  }
}
