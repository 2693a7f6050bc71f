// links: headscope_app_testing
// labels: window
// Several relevant documents are one marked set: scores, split-softmax, preview and shares use
// their union, and a selection of the text can be one of them.
#include <doctest/doctest.h>

#include <imgui.h>

#include <cmath>

#include "app/shell/prompt_test_plan.h"
#include "app/shell/report_job.h"
#include "app/shell/session_file.h"
#include "core/engine/alpha_scan.h"
#include "core/engine/causal_view.h"
#include "core/engine/preview.h"
#include "core/engine/token_masses.h"
#include "core/text/split_edit.h"
#include "tests/engine_fixture.h"
#include "tests/temporary_folder.h"

using namespace headscope;

namespace {

struct Fixture {
  Request request = test::engine_request();
  FakeRunner runner;
  std::shared_ptr<const ModelInfo> model;
  std::shared_ptr<const PromptView> prompt;
  std::shared_ptr<const RunResult> baseline;
  std::vector<HeadId> heads = {{4, 1}, {4, 2}};

  explicit Fixture(std::vector<int> gold) {
    request.prompt.mark(std::move(gold));
    model = runner.load(request, {}).value();
    prompt = runner.prepare(request.prompt).value();
    baseline = runner.run(*prompt, {}, {}, request, {}).value();
  }
  double mass(const RunResult& run, HeadId head, std::int64_t row, int document) const {
    double sum = 0;
    const TokenRange tokens = prompt->documents[static_cast<std::size_t>(document)].tokens;
    for (auto t = tokens.begin; t < tokens.end; ++t) sum += run.row(head, row)[t];
    return sum;
  }
};

std::string cut(const std::string& text, ByteSpan span) {
  return text.substr(span.begin, span.end - span.begin);
}

}  // namespace

TEST_CASE("scores of several relevant documents are those of their union") {
  Fixture f({1, 4});
  CHECK(f.prompt->gold_documents() == std::vector<int>{1, 4});
  const RunResult& run = *f.baseline;
  for (const HeadId head : f.heads) {
    double relevant = 0, others = 0, largest = 0;
    std::vector<double> of(6);
    for (std::int64_t row = 0; row < run.rows.size(); ++row)
      for (int d = 0; d < 6; ++d)
        of[static_cast<std::size_t>(d)] +=
            f.mass(run, head, row, d) / static_cast<double>(run.rows.size());
    for (int d = 0; d < 6; ++d) {
      const double mass = of[static_cast<std::size_t>(d)];
      if (d == 1 || d == 4) {
        relevant += mass;
      } else {
        others += mass;
        largest = std::max(largest, mass);
      }
    }
    const std::size_t i = run.index(head);
    CHECK(run.scores.relevant[i] == doctest::Approx(relevant).epsilon(1e-5));
    CHECK(run.scores.irrelevant_sum[i] == doctest::Approx(others).epsilon(1e-5));
    CHECK(run.scores.irrelevant_max[i] == doctest::Approx(largest).epsilon(1e-5));
  }
  const auto shares = shares_of(*f.prompt, run, f.heads);
  REQUIRE(shares);
  const auto masses = masses_of(*f.prompt, run, f.heads);
  CHECK(shares->relevant == doctest::Approx(masses[1] + masses[4]).epsilon(1e-6));
}

TEST_CASE("split-softmax acts on the union, exactly and in the preview") {
  Fixture f({1, 4});
  InterventionSettings settings;
  settings.tau = 0.3;
  const auto exact = f.runner.run(*f.prompt, settings, f.heads, f.request, {}).value();
  const auto preview = preview_run(*f.prompt, *f.baseline, nullptr, settings, f.heads);
  REQUIRE(preview);
  // The same tokens first: rows of the prompt's end see the same keys in both.
  for (const HeadId head : f.heads) {
    const double p = f.mass(*f.baseline, head, 0, 1) + f.mass(*f.baseline, head, 0, 4);
    const double after = f.mass(*preview, head, 0, 1) + f.mass(*preview, head, 0, 4);
    CHECK(after == doctest::Approx(std::pow(p, 0.3)).epsilon(1e-4));
    CHECK(f.mass(*exact, head, 0, 1) ==
          doctest::Approx(f.mass(*preview, head, 0, 1)).epsilon(1e-3));
    CHECK(f.mass(*exact, head, 0, 2) ==
          doctest::Approx(f.mass(*preview, head, 0, 2)).epsilon(1e-3));
  }
  // From the sums alone it is the same.
  auto sums_only = std::make_shared<RunResult>(*f.baseline);
  sums_only->weights.clear();
  const auto from_sums = preview_run(*f.prompt, *sums_only, nullptr, settings, f.heads);
  REQUIRE(from_sums);
  for (int set = 0; set < 7; ++set)
    CHECK(from_sums->span_sum({4, 1}, 0, set) ==
          doctest::Approx(preview->span_sum({4, 1}, 0, set)).epsilon(1e-4));
}

TEST_CASE("masses token by token average to the documents' masses") {
  Fixture f({});
  const auto tokens = token_masses(*f.prompt, *f.baseline, f.heads);
  const auto rows = static_cast<std::size_t>(f.baseline->rows.size());
  REQUIRE(tokens.size() == 7 * rows);
  const auto mean = masses_of(*f.prompt, *f.baseline, f.heads);
  for (std::size_t d = 0; d < 6; ++d) {
    double sum = 0;
    for (std::size_t row = 0; row < rows; ++row) sum += tokens[d * rows + row];
    CHECK(sum / static_cast<double>(rows) == doctest::Approx(mean[d]).epsilon(1e-5));
  }
  const std::vector<HeadId> outside = {{99, 0}};
  CHECK(token_masses(*f.prompt, *f.baseline, outside).empty());
  CHECK(token_masses(*f.prompt, *f.baseline, {}).empty());
}

TEST_CASE("marks: one, several, a selection; corrections keep them on their text") {
  AppState state;
  state.request = test::engine_request();
  state.mark_gold(1, true);
  CHECK(state.request.prompt.gold_documents() == std::vector<int>{1, 4});
  CHECK(state.request.prompt.gold_document == 1);
  state.mark_gold(4, true);
  CHECK(state.request.prompt.gold_documents() == std::vector<int>{1});
  state.mark_gold(4);
  CHECK(state.request.prompt.gold_documents() == std::vector<int>{4});

  const std::string& text = state.request.prompt.text;
  state.correct(without(bounds_of(state.layout().documents), 0));
  CHECK(state.request.prompt.gold_documents() == std::vector<int>{3});
  CHECK(state.split().method == "hand");
  const std::size_t word = text.find("northern door in emerald");
  state.select_document({word, word + 13}, true);
  const auto gold = state.request.prompt.gold_documents();
  REQUIRE(gold.size() == 1);  // the parts beside the selection are relevant no more
  CHECK(cut(text, state.layout().documents[static_cast<std::size_t>(gold[0])].relevant) ==
        "northern door");
  CHECK(state.layout().documents.size() == 7);
  state.split_by({});
  CHECK(state.layout().documents.size() == 6);
  CHECK(state.request.prompt.gold_documents() == std::vector<int>{4});
  state.split_by({"pattern", "(", {}});
  CHECK(state.layout().documents.empty());
  CHECK(state.split_error().find("not valid") != std::string::npos);
}

TEST_CASE("a pasted prompt has no marks of the one before, an edited one keeps them") {
  ImGui::CreateContext();
  AppState state;
  state.request = test::engine_request();
  std::string text = state.request.prompt.text;
  state.edit_text(text + " Because");
  CHECK(state.request.prompt.gold_document == 4);
  CHECK_FALSE(state.request.prompt.answers.empty());
  const std::size_t third = text.find("Document [3]"), question = text.find("\n\nQuestion");
  text.erase(third, question - third);  // two documents are left
  state.edit_text(text);
  CHECK(state.layout().documents.size() == 2);
  CHECK(state.request.prompt.gold_documents().empty());
  state.request = test::engine_request();
  state.edit_text("Answer.\n\n[1] One is odd.\n[2] Two is even.\n\nQuestion: is two odd?");
  CHECK(state.layout().documents.size() == 2);
  CHECK(state.request.prompt.gold_document == -1);
  CHECK(state.request.prompt.answers.empty());
  ImGui::DestroyContext();
}

TEST_CASE("a session keeps splitting and marks") {
  Request request = test::engine_request();
  AppState state;
  state.request = request;
  state.correct(split_at(request.prompt.text, bounds_of(state.layout().documents),
                         request.prompt.text.find("Ships rest") + 6));
  state.mark_gold(2, true);
  const Json json = request_to_json(state.request);
  const auto read_back = [](const Json& from) {
    return request_from_json(JsonObject::open(from, "session.json").value());
  };
  const auto read = read_back(json);
  REQUIRE(read);
  CHECK(read->prompt.splitting == state.request.prompt.splitting);
  CHECK(read->prompt.gold_documents() == state.request.prompt.gold_documents());
  Json wrong = json;
  wrong["prompt"]["splitting"]["documents"][0]["line"] = {5};
  CHECK_FALSE(read_back(wrong));
}

TEST_CASE("the command of a test names the prompt, its documents and its heads") {
  Fixture f({1, 4});
  const test::TemporaryFolder folder;
  PromptTestInput input{f.request, f.prompt.get(), f.model.get(), {{4, 1}, {2, 0}}, -1};
  std::vector<std::string> folders;
  for (int i = 0; i < prompt_tests; ++i) {
    const auto plan = plan_prompt_test(static_cast<PromptTest>(i), input, folder.path());
    REQUIRE(plan);
    CHECK(std::filesystem::exists(plan->folder / "splitting.json"));
    CHECK(plan->folder == prompt_test_folder(static_cast<PromptTest>(i), input, folder.path()));
    folders.push_back(plan->folder.string());
  }
  CHECK(folders[0] != folders[1]);
  input.request.intervention.top_k = 9;  // other heads: another result
  CHECK(prompt_test_folder(PromptTest::removal, input, folder.path()).string() != folders[1]);
  const Fixture unmarked({});
  input.prompt = unmarked.prompt.get();
  CHECK_FALSE(plan_prompt_test(PromptTest::positions, input, folder.path()));
  input.likely = 2;
  CHECK(plan_prompt_test(PromptTest::positions, input, folder.path()));
}

TEST_CASE("the report says what is shown, with and without a mark") {
  for (const bool marked : {true, false}) {
    Fixture f(marked ? std::vector<int>{4} : std::vector<int>{});
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->request = f.request;
    snapshot->model = f.model;
    snapshot->prompt = f.prompt;
    snapshot->baseline = snapshot->intervened = f.baseline;
    AppState state;
    state.request = f.request;
    state.take(snapshot);
    const Json removal = {{"documents", {{{"number", 5}, {"drop", 2.5}, {"mass", 0.25}}}}};
    const auto source = report_source(state, {nullptr, &removal, nullptr});
    REQUIRE(source);
    const auto report = study::report_of_runs(*source);
    REQUIRE(report);
    const auto html = study::prompt_report_html(*report);
    REQUIRE(html);
    CHECK(*html == *study::prompt_report_html(*report));
    for (const char* wanted : {"Lighthouse of Velmar", "Removal test", "2.50", "<svg", "fake"})
      CHECK_MESSAGE(html->find(wanted) != std::string::npos, wanted);
    for (const char* unwanted : {"<script", "src=", "href=\"http", "/tmp/"})
      CHECK_MESSAGE(html->find(unwanted) == std::string::npos, unwanted);
    CHECK((html->find("No document is marked") != std::string::npos) == !marked);
    auto wrong = *report;
    wrong.documents[0].span.end = wrong.prompt.size() + 1;
    CHECK_FALSE(study::prompt_report_html(wrong));
    wrong = *report;
    wrong.prompt = "<script>alert(1)</script>";
    wrong.documents.clear();
    CHECK(study::prompt_report_html(wrong)->find("<script") == std::string::npos);
  }
}
