#include "core/study/prompt_report.h"

#include <algorithm>
#include <cmath>

#include "core/study/html.h"
#include "core/study/numbers.h"
#include "core/study/report_style.h"

namespace headscope::study {
namespace {

constexpr const char* prompt_style = R"(
pre.prompt { white-space: pre-wrap; overflow-wrap: anywhere; font: .85rem/1.5 inherit; background: var(--shade);
  padding: .75rem 1rem; border-radius: .3rem; }
pre.prompt mark { color: inherit; border-radius: .15rem; padding: .1em 0; }
pre.prompt mark.relevant { border-bottom: .15rem solid var(--open); }
)";

Result<> check(const PromptReport& report) {
  std::size_t last = 0;
  for (const ReportDocument& document : report.documents) {
    if (document.span.begin < last || document.span.end < document.span.begin ||
        document.span.end > report.prompt.size()) {
      return bad_input("document " + std::to_string(document.number) + " (bytes " +
                       std::to_string(document.span.begin) + " to " +
                       std::to_string(document.span.end) + ") is not in the prompt");
    }
    last = document.span.end;
  }
  return {};
}

void answers(Html body, const PromptReport& report) {
  body.add("h2", "Answers");
  if (!report.question.empty()) body.add("p", "Question: " + report.question, "lead");
  Html table = body.add("div", "", "scroll").add("table");
  table.row({"Run", "Answer", "Right"}, "th");
  for (const ReportAnswer& answer : report.answers) {
    const std::string right = !answer.right ? "–" : *answer.right ? "yes" : "no";
    table.row({answer.name, answer.text, right});
  }
  std::string expected;
  for (const std::string& one : report.expected) expected += (expected.empty() ? "" : " | ") + one;
  body.add("p", expected.empty() ? "No right answer was given." : "Expected: " + expected, "soft");
}

void document_table(Html body, const PromptReport& report) {
  body.add("h2", "Attention per document");
  body.add("p",
           "Attention mass on each document while the answer is written, " + report.masses_of + ".",
           "soft");
  const bool compares = std::any_of(report.documents.begin(), report.documents.end(),
                                    [](const auto& d) { return d.intervened.has_value(); });
  Html table = body.add("div", "", "scroll").add("table");
  std::vector<std::string> head = {"Document", "Title", "Mark", "Baseline"};
  if (compares) head.insert(head.end(), {"Intervened", "Difference"});
  table.row(head, "th");
  for (const ReportDocument& document : report.documents) {
    const char* mark = document.relevant ? "relevant" : document.likely ? "likely (a guess)" : "";
    std::vector<std::string> cells = {std::to_string(document.number), document.title, mark,
                                      fixed_number(document.baseline)};
    if (compares) {
      const double after = document.intervened.value_or(std::nan(""));
      cells.push_back(fixed_number(after));
      cells.push_back(signed_number(after - document.baseline));
    }
    table.row(cells);
  }
}

/// The prompt with its documents shaded by their mass in the run that is looked at.
void prompt_text(Html body, const PromptReport& report) {
  body.add("h2", "Prompt");
  body.add("p",
           "Documents are shaded by the attention they took in the baseline; relevant ones are "
           "underlined.",
           "soft");
  double most = 1e-6;
  for (const ReportDocument& document : report.documents) most = std::max(most, document.baseline);
  Html text = body.add("pre", "", "prompt");
  std::size_t done = 0;
  for (const ReportDocument& document : report.documents) {
    text.text(report.prompt.substr(done, document.span.begin - done));
    Html mark = text.add(
        "mark", report.prompt.substr(document.span.begin, document.span.end - document.span.begin),
        document.relevant ? "relevant" : "");
    const double share = std::clamp(document.baseline / most, 0.0, 1.0);
    mark.attribute("style",
                   "background: rgba(70, 130, 200, " + fixed_number(0.45 * share, 2) + ")");
    mark.attribute("title", "Document " + std::to_string(document.number) + ": " +
                                fixed_number(document.baseline));
    done = document.span.end;
  }
  text.text(report.prompt.substr(done));
}

void tables(Html body, const PromptReport& report) {
  for (const ReportTable& shown : report.tables) {
    body.add("h2", shown.title);
    if (!shown.note.empty()) body.add("p", shown.note, "soft");
    Html table = body.add("div", "", "scroll").add("table");
    table.row(shown.head, "th");
    for (const auto& row : shown.rows) table.row(row);
  }
}

Result<> figures(Html body, const PromptReport& report) {
  for (const ReportFigure& drawn : report.figures) {
    Html figure = body.add("figure");
    HEADSCOPE_TRY(figure.drawing(drawn.light, "light"));
    HEADSCOPE_TRY(figure.drawing(drawn.dark, "dark"));
    if (!drawn.caption.empty()) figure.add("figcaption", drawn.caption);
  }
  return {};
}

}  // namespace

Result<std::string> prompt_report_html(const PromptReport& report) {
  HEADSCOPE_TRY(check(report));
  HtmlDocument document(report.title, std::string(report_style) + prompt_style);
  Html body = document.body;
  body.add("h1", report.title);
  answers(body, report);
  if (!report.documents.empty()) document_table(body, report);
  HEADSCOPE_TRY(figures(body, report));
  tables(body, report);
  prompt_text(body, report);
  body.add("h2", "Settings and provenance");
  Html facts = body.add("div", "", "scroll").add("table", "", "facts");
  for (const auto& [name, value] : report.facts) facts.row({name, value});
  return document.written();
}

}  // namespace headscope::study
