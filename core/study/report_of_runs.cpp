#include "core/study/report_of_runs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/lenient_json.h"
#include "core/figure/document_bars.h"
#include "core/figure/svg.h"
#include "core/session/passport.h"
#include "core/study/numbers.h"
#include "core/text/splitting.h"

namespace headscope::study {
namespace {

const Json& list(const Json& object, const char* field) {
  static const Json none = Json::array();
  const auto at = object.find(field);
  return at != object.end() && at->is_array() ? *at : none;
}

std::string head_name(HeadId head) {
  return "L" + std::to_string(head.layer) + " H" + std::to_string(head.head);
}

class Reporter {
 public:
  explicit Reporter(const ReportSource& source)
      : source_(source), prompt_(*source.runs.prompt), before_(*source.runs.baseline) {}

  Result<PromptReport> report() {
    if (source_.runs.compares()) after_ = source_.runs.intervened.get();
    report_.title = "Which document took the attention?";
    report_.prompt = prompt_.text;
    const ByteSpan question = source_.question;
    if (question.begin <= prompt_.text.size())
      report_.question = prompt_.text.substr(question.begin, question.end - question.begin);
    report_.expected = prompt_.answers;
    report_.masses_of = source_.heads.size() == 1
                            ? head_name(source_.heads.front())
                            : "mean over " + std::to_string(source_.heads.size()) + " heads";
    answer("Baseline", before_);
    if (after_ != nullptr) answer("Intervened", *after_);
    HEADSCOPE_TRY(documents());
    head_table();
    positions();
    removal();
    tune();
    facts();
    return std::move(report_);
  }

 private:
  void answer(const char* name, const RunResult& run) {
    ReportAnswer answer{name, run.response_text, {}};
    if (run.quality == Quality::preview) answer.name += " (preview: its attention is an estimate)";
    if (run.quality == Quality::growing) answer.name += " (so far)";
    if (!prompt_.answers.empty()) answer.right = run.matches_answer;
    report_.answers.push_back(std::move(answer));
  }

  // Masses as the figure of the documents' view has them.
  Result<> documents() {
    if (prompt_.documents.empty()) return {};
    HEADSCOPE_ASSIGN(
        auto bars,
        documents_figure(source_.runs, head_group(source_.heads, before_.layers, before_.heads)));
    for (std::size_t i = 0; i < prompt_.documents.size(); ++i) {
      const DocumentView& view = prompt_.documents[i];
      ReportDocument document;
      document.span = view.relevant;
      document.number = view.number;
      document.title = view.title;
      document.relevant = view.gold;
      document.likely = source_.likely == static_cast<int>(i);
      document.baseline = bars.documents[i].baseline;
      if (after_ != nullptr) document.intervened = bars.documents[i].intervened;
      report_.documents.push_back(std::move(document));
    }
    bars.of = report_.masses_of;
    bars.provenance.model = source_.runs.origin.model;
    return draw(bars);
  }

  Result<> draw(const figure::DocumentBarsFigure& bars) {
    ReportFigure drawn;
    for (const auto theme : {figure::Theme::light, figure::Theme::dark}) {
      figure::Options look;
      look.theme = theme;
      HEADSCOPE_ASSIGN(const auto scene, draw_document_bars(bars, look));
      HEADSCOPE_ASSIGN(auto svg, figure::svg_document(scene, 1));
      (theme == figure::Theme::light ? drawn.light : drawn.dark) = std::move(svg);
    }
    report_.figures.push_back(std::move(drawn));
    return {};
  }

  static std::string value_of(const std::vector<float>& scores, const RunResult& run, HeadId head) {
    const std::size_t index = run.index(head);
    return fixed_number(index < scores.size() ? static_cast<double>(scores[index])
                                              : std::numeric_limits<double>::quiet_NaN());
  }

  void head_table() {
    ReportTable table;
    table.title = "Heads";
    const bool marked = prompt_.gold_document() >= 0;
    table.note = marked
                     ? "Mean attention mass of the answer's rows."
                     : "Mean attention mass of the answer's rows. No document is marked, so that "
                       "nothing is said about a relevant one.";
    table.head = {"Head", "Rank", "Sink"};
    if (marked) table.head.push_back("Relevant");
    if (after_ != nullptr) table.head.push_back("Sink, intervened");
    if (after_ != nullptr && marked) table.head.push_back("Relevant, intervened");
    for (const HeadId head : source_.heads) {
      std::vector<std::string> row = {head_name(head), rank_of(head),
                                      value_of(before_.scores.sink, before_, head)};
      if (marked) row.push_back(value_of(before_.scores.relevant, before_, head));
      if (after_ != nullptr) row.push_back(value_of(after_->scores.sink, *after_, head));
      if (after_ != nullptr && marked)
        row.push_back(value_of(after_->scores.relevant, *after_, head));
      table.rows.push_back(std::move(row));
    }
    report_.tables.push_back(std::move(table));
  }

  std::string rank_of(HeadId head) const {
    const auto at = std::find(source_.ranking.begin(), source_.ranking.end(), head);
    if (at == source_.ranking.end()) return "–";
    return std::to_string(at - source_.ranking.begin() + 1);
  }

  const Json* test(ReportTest which) const {
    const auto& result = source_.tests[static_cast<std::size_t>(which)];
    return result ? &*result : nullptr;
  }

  std::string document_name(double place) const {
    const auto index = static_cast<std::size_t>(place >= 1 ? place - 1 : 1e9);
    if (index >= prompt_.documents.size()) return "?";
    const DocumentView& document = prompt_.documents[index];
    return std::to_string(document.number) + "  " + document.title;
  }

  void positions() {
    const Json* result = test(ReportTest::positions);
    if (result == nullptr || list(*result, "rows").empty()) return;
    const Json& rows = list(*result, "rows");
    ReportTable table{
        "Position test",
        "Document " + document_name(number_or_nan(rows[0], "document")) +
            " at every place, the others in their order; the unedited model.",
        {"Place", "Right", "Log-probability of the expected answer", "Mass", "Answer"},
        {}};
    for (const Json& row : rows) {
      const double match = number_or_nan(row, "match");
      table.rows.push_back({fixed_number(number_or_nan(row, "position") + 1, 0),
                            !std::isfinite(match) ? "–"
                            : match > 0           ? "yes"
                                                  : "no",
                            fixed_number(number_or_nan(row, "log_probability"), 2),
                            fixed_number(number_or_nan(row, "relevant_mass")),
                            text_or_empty(row, "response")});
    }
    report_.tables.push_back(std::move(table));
  }

  void removal() {
    const Json* result = test(ReportTest::removal);
    if (result == nullptr) return;
    ReportTable table{"Removal test",
                      "Log-probability (nats) that the model's own answer loses when the "
                      "document is not in the prompt, beside its attention mass.",
                      {"Document", "Loss", "Mass"},
                      {}};
    for (const Json& row : list(*result, "documents")) {
      table.rows.push_back({document_name(number_or_nan(row, "number")),
                            signed_number(number_or_nan(row, "drop"), 2),
                            fixed_number(number_or_nan(row, "mass"))});
    }
    report_.tables.push_back(std::move(table));
  }

  void tune() {
    const Json* result = test(ReportTest::tune);
    if (result == nullptr) return;
    ReportTable table{
        "Strengths and numbers of heads",
        "Best = " + text_or_empty(*result, "measured") + ". One prompt: no claim about others.",
        {"Alpha", "Tau", "Heads", "Log-probability", "Relevant share", ""},
        {}};
    const auto best = result->find("best");
    for (const Json& row : list(*result, "rows")) {
      table.rows.push_back({fixed_number(number_or_nan(row, "alpha"), 1),
                            fixed_number(number_or_nan(row, "tau"), 1),
                            fixed_number(number_or_nan(row, "top_k"), 0),
                            fixed_number(number_or_nan(row, "log_probability"), 2),
                            fixed_number(number_or_nan(row, "relevant_share")),
                            best != result->end() && *best == row ? "best" : ""});
    }
    report_.tables.push_back(std::move(table));
  }

  void facts() {
    const Origin& origin = source_.runs.origin;
    const auto add = [&](const char* name, const std::string& value) {
      if (!value.empty()) report_.facts.emplace_back(name, value);
    };
    add("Application", "headscope " + new_passport().version);
    add("Model", source_.model);
    add("Adapter", origin.adapter);
    add("Weights (SHA-256)", weights_hash());
    add("Prompt (SHA-256)", sha256_hex(prompt_.text));
    add("Documents found by", split_label(prompt_.split_method) + ": " + prompt_.split_reason);
    add("Chat template", origin.chat_template != "none" ? "yes" : "no");
    add("Ranking of heads", source_.ranking_source);
    add("Focus directions", source_.directions_source);
    add("Intervention", after_ != nullptr ? in_words(origin) : std::string("none"));
    add("Heads looked at", head_list(source_.heads));
    add("Most new tokens", std::to_string(origin.max_new_tokens));
  }

  // The window does not know it by itself: its tests say it.
  std::string weights_hash() const {
    if (!source_.runs.origin.model_hash.empty()) return source_.runs.origin.model_hash;
    for (const auto& result : source_.tests) {
      if (!result || !result->contains("passport")) continue;
      return text_or_empty((*result)["passport"], "weights_sha256");
    }
    return {};
  }

  const ReportSource& source_;
  const PromptView& prompt_;
  const RunResult& before_;
  const RunResult* after_ = nullptr;  ///< the intervened run where there is one
  PromptReport report_;
};

constexpr std::array<const char*, report_tests> kTestNames = {"positions", "removal", "tune"};

// Of headscope-cli, for a page of this source whose test results lie in `files`.
std::vector<std::string> report_arguments(const ReportSource& source,
                                          const std::array<std::string, report_tests>& files) {
  std::vector<std::string> words = {"report", "--choose", heads_as_text(source.heads)};
  if (source.likely >= 0 && source.likely_top_k > 0)
    words.insert(words.end(), {"--top-k", std::to_string(source.likely_top_k)});
  for (const std::string& answer : source.runs.prompt->answers)
    words.push_back("--answers=" + answer);
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!files[i].empty()) words.insert(words.end(), {"--" + std::string(kTestNames[i]), files[i]});
  }
  return words;
}

}  // namespace

Result<PromptReport> report_of_runs(ReportSource source) {
  if (!source.runs.prompt || !source.runs.baseline || source.heads.empty())
    return bad_input("report: expected an answer of the prompt and at least one head");
  // By rank, in whichever order they were named: the same heads give the same page.
  const auto rank = [&](HeadId head) {
    return std::find(source.ranking.begin(), source.ranking.end(), head);
  };
  std::sort(source.heads.begin(), source.heads.end());
  std::stable_sort(source.heads.begin(), source.heads.end(),
                   [&](HeadId a, HeadId b) { return rank(a) < rank(b); });
  return Reporter(source).report();
}

Result<std::filesystem::path> save_report(ReportSource source,
                                          const std::filesystem::path& folder) {
  HEADSCOPE_ASSIGN(const auto report, report_of_runs(source));
  HEADSCOPE_ASSIGN(const auto html, prompt_report_html(report));
  HEADSCOPE_TRY(create_folders(folder));
  const std::string stem = "report-" + sha256_hex(html).substr(0, 12);
  const auto path = folder / (stem + ".html");
  HEADSCOPE_TRY(write_file_atomically(path, html));
  Exhibit exhibit;
  exhibit.origin = source.runs.origin;
  name_files_beside(path, exhibit);
  NamedTexts results;
  std::array<std::string, report_tests> files;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!source.tests[i]) continue;
    files[i] = stem + "." + kTestNames[i] + ".json";
    results.emplace_back(files[i], dump_json(*source.tests[i], 1) + "\n");
  }
  HEADSCOPE_TRY(write_made_by_beside(path, exhibit.origin, report_arguments(source, files),
                                     std::move(results)));
  return path;
}

}  // namespace headscope::study
