#include "app/shell/prompt_report_file.h"

#include <cmath>
#include <limits>

#include "app/views/widgets.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/figure/document_bars.h"
#include "core/figure/svg.h"
#include "core/session/passport.h"
#include "core/study/numbers.h"

namespace headscope {
namespace {

using study::fixed_number;

double number(const Json& object, const char* field) {
  const auto at = object.find(field);
  return at != object.end() && at->is_number() ? at->get<double>()
                                               : std::numeric_limits<double>::quiet_NaN();
}

std::string words(const Json& object, const char* field) {
  const auto at = object.find(field);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

const Json& list(const Json& object, const char* field) {
  static const Json none = Json::array();
  const auto at = object.find(field);
  return at != object.end() && at->is_array() ? *at : none;
}

class Reporter {
 public:
  Reporter(const AppState& state, const PromptTestResults& tests)
      : state_(state), tests_(tests), prompt_(*state.snapshot->prompt) {}

  Result<study::PromptReport> report() {
    heads_ = state_.chosen();
    if (heads_.empty()) heads_ = {state_.request.selected};
    if (const RunResult* run = state_.intervened(); run != nullptr && run != state_.baseline())
      after_ = run;
    report_.title = "Which document took the attention?";
    report_.prompt = prompt_.text;
    const ByteSpan question = state_.layout().question;
    report_.question = prompt_.text.substr(question.begin, question.end - question.begin);
    report_.expected = prompt_.answers;
    report_.masses_of = heads_.size() == 1
                            ? format_head(heads_.front())
                            : "mean over " + std::to_string(heads_.size()) + " heads";
    answer("Baseline", *state_.baseline());
    if (after_ != nullptr) answer("Intervened", *after_);
    documents();
    HEADSCOPE_TRY(bars());
    head_table();
    positions();
    removal();
    tune();
    facts();
    return std::move(report_);
  }

 private:
  void answer(const char* name, const RunResult& run) {
    study::ReportAnswer answer{name, run.response_text, {}};
    if (run.quality == Quality::preview) answer.name += " (preview: its attention is an estimate)";
    if (!prompt_.answers.empty()) answer.right = run.matches_answer;
    report_.answers.push_back(std::move(answer));
  }

  void documents() {
    before_mass_ = document_mass(*state_.baseline(), heads_);
    if (after_ != nullptr) after_mass_ = document_mass(*after_, heads_);
    const int likely = state_.likely().index;
    for (std::size_t i = 0; i < prompt_.documents.size(); ++i) {
      const DocumentView& view = prompt_.documents[i];
      study::ReportDocument document;
      document.span = view.relevant;
      document.number = view.number;
      document.title = view.title;
      document.relevant = view.gold;
      document.likely = likely == static_cast<int>(i);
      if (before_mass_ && i < before_mass_->documents.size())
        document.baseline = static_cast<double>(before_mass_->documents[i]);
      if (after_mass_ && i < after_mass_->documents.size())
        document.intervened = static_cast<double>(after_mass_->documents[i]);
      report_.documents.push_back(std::move(document));
    }
  }

  Result<> bars() {
    if (report_.documents.empty() || !before_mass_) return {};
    figure::DocumentBarsFigure bars;
    bars.of = report_.masses_of;
    bars.compares = after_mass_.has_value();
    for (const study::ReportDocument& document : report_.documents) {
      bars.documents.push_back({document.number, document.relevant, document.baseline,
                                document.intervened.value_or(document.baseline)});
    }
    bars.sink_baseline = static_cast<double>(before_mass_->sink);
    if (after_mass_) bars.sink_intervened = static_cast<double>(after_mass_->sink);
    bars.provenance.model = state_.snapshot->model->name;
    study::ReportFigure drawn;
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
    study::ReportTable table;
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
    const RunResult& before = *state_.baseline();
    for (const HeadId head : heads_) {
      const int rank = state_.rank_of(head);
      std::vector<std::string> row = {format_head(head), rank < 0 ? "–" : std::to_string(rank + 1),
                                      value_of(before.scores.sink, before, head)};
      if (marked) row.push_back(value_of(before.scores.relevant, before, head));
      if (after_ != nullptr) row.push_back(value_of(after_->scores.sink, *after_, head));
      if (after_ != nullptr && marked)
        row.push_back(value_of(after_->scores.relevant, *after_, head));
      table.rows.push_back(std::move(row));
    }
    report_.tables.push_back(std::move(table));
  }

  const Json* test(PromptTest which) const { return tests_[static_cast<std::size_t>(which)]; }

  std::string document_name(double place) const {
    const auto index = static_cast<std::size_t>(place >= 1 ? place - 1 : 1e9);
    if (index >= prompt_.documents.size()) return "?";
    const DocumentView& document = prompt_.documents[index];
    return std::to_string(document.number) + "  " + document.title;
  }

  void positions() {
    const Json* result = test(PromptTest::positions);
    if (result == nullptr || list(*result, "rows").empty()) return;
    const Json& rows = list(*result, "rows");
    study::ReportTable table{
        "Position test",
        "Document " + document_name(number(rows[0], "document")) +
            " at every place, the others in their order; the unedited model.",
        {"Place", "Right", "Log-probability of the expected answer", "Mass", "Answer"},
        {}};
    for (const Json& row : rows) {
      const double match = number(row, "match");
      table.rows.push_back({fixed_number(number(row, "position") + 1, 0),
                            !std::isfinite(match) ? "–"
                            : match > 0           ? "yes"
                                                  : "no",
                            fixed_number(number(row, "log_probability"), 2),
                            fixed_number(number(row, "relevant_mass")), words(row, "response")});
    }
    report_.tables.push_back(std::move(table));
  }

  void removal() {
    const Json* result = test(PromptTest::removal);
    if (result == nullptr) return;
    study::ReportTable table{"Removal test",
                             "Log-probability (nats) that the model's own answer loses when the "
                             "document is not in the prompt, beside its attention mass.",
                             {"Document", "Loss", "Mass"},
                             {}};
    for (const Json& row : list(*result, "documents")) {
      table.rows.push_back({document_name(number(row, "number")),
                            study::signed_number(number(row, "drop"), 2),
                            fixed_number(number(row, "mass"))});
    }
    report_.tables.push_back(std::move(table));
  }

  void tune() {
    const Json* result = test(PromptTest::tune);
    if (result == nullptr) return;
    study::ReportTable table{
        "Strengths and numbers of heads",
        "Best = " + words(*result, "measured") + ". One prompt: no claim about others.",
        {"Alpha", "Tau", "Heads", "Log-probability", "Relevant share", ""},
        {}};
    const auto best = result->find("best");
    for (const Json& row : list(*result, "rows")) {
      table.rows.push_back(
          {fixed_number(number(row, "alpha"), 1), fixed_number(number(row, "tau"), 1),
           fixed_number(number(row, "top_k"), 0), fixed_number(number(row, "log_probability"), 2),
           fixed_number(number(row, "relevant_share")),
           best != result->end() && *best == row ? "best" : ""});
    }
    report_.tables.push_back(std::move(table));
  }

  void facts() {
    const ModelInfo& model = *state_.snapshot->model;
    const InterventionSettings& settings = state_.request.intervention;
    const auto add = [&](const char* name, const std::string& value) {
      if (!value.empty()) report_.facts.emplace_back(name, value);
    };
    add("Application", "headscope " + new_passport().version);
    add("Model",
        model.name + " (" + model.model_type + ", " + model.dtype + ", " + model.device + ")");
    for (const Json* result : tests_) {
      if (result == nullptr || !result->contains("passport")) continue;
      add("Weights (SHA-256)", words((*result)["passport"], "weights_sha256"));
      break;
    }
    add("Prompt (SHA-256)", sha256_hex(prompt_.text));
    add("Documents found by", split_label(prompt_.split_method) + ": " + prompt_.split_reason);
    add("Chat template", state_.request.prompt.chat && model.has_chat_template ? "yes" : "no");
    add("Ranking of heads", model.known_source);
    add("Focus directions", model.directions_source);
    add("Intervention", settings.is_identity()
                            ? std::string("none")
                            : "alpha " + fixed_number(settings.alpha, 2) + ", tau " +
                                  fixed_number(settings.tau, 2) +
                                  (settings.also.empty() ? "" : ", " + settings.also));
    add("Heads acted on", study::head_list(heads_));
    add("Most new tokens", std::to_string(state_.request.max_new_tokens));
  }

  const AppState& state_;
  const PromptTestResults& tests_;
  const PromptView& prompt_;
  std::vector<HeadId> heads_;
  const RunResult* after_ = nullptr;  ///< the intervened run where there is one
  std::optional<DocumentMass> before_mass_, after_mass_;
  study::PromptReport report_;
};

}  // namespace

Result<study::PromptReport> report_of(const AppState& state, const PromptTestResults& tests) {
  const Snapshot& snapshot = *state.snapshot;
  if (!snapshot.model || !snapshot.prompt || !snapshot.baseline || !state.prompt_is_current())
    return bad_input("The report needs an answer of this prompt: wait for the run.");
  return Reporter(state, tests).report();
}

Result<std::filesystem::path> save_report(const study::PromptReport& report,
                                          const std::filesystem::path& folder) {
  HEADSCOPE_ASSIGN(const auto html, study::prompt_report_html(report));
  HEADSCOPE_TRY(create_folders(folder));
  const auto path = folder / ("report-" + sha256_hex(html).substr(0, 12) + ".html");
  HEADSCOPE_TRY(write_file_atomically(path, html));
  return path;
}

}  // namespace headscope
