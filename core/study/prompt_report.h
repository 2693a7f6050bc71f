// A page about one prompt: which documents took the attention, what was done about it, what tests
// said. One HTML file that needs nothing else.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"

namespace headscope::study {

/// A document of the prompt with the attention it took.
struct ReportDocument {
  ByteSpan span;  ///< of its text in the prompt; in order, disjoint
  int number = 0;
  std::string title;
  bool relevant = false, likely = false;
  double baseline = 0;  ///< mean mass over the heads and the answer's rows
  std::optional<double> intervened;
};
/// One of the answers that are compared.
struct ReportAnswer {
  std::string name;  ///< "Baseline"
  std::string text;
  std::optional<bool> right;  ///< where the right answer is known
};

/// A table with its heading; `note` says what was measured.
struct ReportTable {
  std::string title, note;
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
};

/// A figure as SVG in both themes.
struct ReportFigure {
  std::string caption, light, dark;
};
/// What the page about one prompt says.
struct PromptReport {
  std::string title;
  std::string prompt;    ///< before templating
  std::string question;  ///< empty = none found
  std::vector<std::string> expected;
  std::vector<ReportDocument> documents;
  std::string masses_of;  ///< "mean over 5 heads"
  std::vector<ReportAnswer> answers;
  std::vector<ReportFigure> figures;
  std::vector<ReportTable> tables;
  std::vector<std::pair<std::string, std::string>> facts;  ///< settings and where all comes from
};

/// The document. It holds no time and no path: the same report gives the same bytes. bad_input:
/// spans that are not in the prompt in order.
Result<std::string> prompt_report_html(const PromptReport& report);

}  // namespace headscope::study
