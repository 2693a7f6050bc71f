#include "app/views/tests_view.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "app/shell/desktop.h"
#include "app/shell/report_job.h"
#include "core/base/lenient_json.h"

namespace headscope {
namespace {

using State = ExperimentJob::State;

int integer(const Json& object, const char* field) {
  const double value = number_or_nan(object, field);
  return std::abs(value) < 1e9 ? static_cast<int>(value) : -1;
}

bool flag(const Json& object, const char* field, bool fallback) {
  const auto at = object.find(field);
  return at != object.end() && at->is_boolean() ? at->get<bool>() : fallback;
}

std::string shown(double value, int decimals = 3) {
  char text[32];
  if (!std::isfinite(value)) return "-";
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

bool is_list(const Json& result, const char* field) {
  const auto at = result.find(field);
  return at != result.end() && at->is_array();
}

std::string name_of(const PromptView& prompt, int place) {
  if (place < 0 || place >= static_cast<int>(prompt.documents.size())) return "?";
  const DocumentView& document = prompt.documents[static_cast<std::size_t>(place)];
  return std::to_string(document.number) + "  " + document.title;
}

void cell(const std::string& text) {
  ImGui::TableNextColumn();
  ImGui::TextUnformatted(text.c_str());
}

// Shortened where the column is too narrow; its tooltip has all of it.
void fitted_cell(const ViewContext& context, const std::string& text) {
  ImGui::TableNextColumn();
  const float room = ImGui::GetContentRegionAvail().x;
  draw_fitted_text(*ImGui::GetWindowDrawList(), ImGui::GetCursorScreenPos(), room,
                   context.theme.text, text);
  ImGui::Dummy(ImVec2(std::max(room, 1.0f), ImGui::GetTextLineHeight()));
  ImGui::SetItemTooltip("%s", text.c_str());
}

bool table(const char* id, std::initializer_list<const char*> columns) {
  if (!ImGui::BeginTable(
          id, static_cast<int>(columns.size()),
          ImGuiTableFlags_RowBg | ImGuiTableFlags_SizingFixedFit | ImGuiTableFlags_BordersInnerH))
    return false;
  std::size_t i = 0;
  for (const char* column : columns) {
    ++i;
    ImGui::TableSetupColumn(column, i == columns.size() ? ImGuiTableColumnFlags_WidthStretch
                                                        : ImGuiTableColumnFlags_None);
  }
  ImGui::TableHeadersRow();
  return true;
}

void wrapped(ImU32 color, const std::string& text) {
  ImGui::PushTextWrapPos(0);
  text_colored(color, text);
  ImGui::PopTextWrapPos();
}

}  // namespace

void TestsPanel::configure(std::filesystem::path program, std::filesystem::path root) {
  program_ = std::move(program);
  root_ = std::move(root);
}

bool TestsPanel::running() const {
  return std::any_of(held_.begin(), held_.end(), [](const auto& entry) {
    return entry.second.job && entry.second.job->view().state == State::running;
  });
}

PromptTestInput TestsPanel::input_of(const AppState& state) {
  return {state.request, state.snapshot->prompt.get(), state.snapshot->model.get(), state.ranking(),
          state.likely().index};
}

void TestsPanel::refresh(const AppState& state) {
  const bool same = of_ == state.snapshot->prompt && run_ == state.snapshot->baseline &&
                    request_ == state.request;
  if (same) return;
  if (of_ != state.snapshot->prompt) prompt_key_ = prompt_test_key(*state.snapshot->prompt);
  of_ = state.snapshot->prompt;
  run_ = state.snapshot->baseline;
  request_ = state.request;
  for (int i = 0; i < prompt_tests; ++i) {
    const auto test = static_cast<PromptTest>(i);
    folders_[i] = prompt_test_folder(test, input_of(state), root_, prompt_key_).string();
  }
}

TestsPanel::Held& TestsPanel::held(const AppState& state, PromptTest test) {
  refresh(state);
  const std::string& folder = folders_[static_cast<std::size_t>(test)];
  Held& found = held_[folder];
  const bool busy = found.job && found.job->view().state == State::running;
  if (found.result || busy || !found.error.empty()) return found;
  constexpr const char* files[] = {"positions.json", "removal.json", "tune.json"};
  const auto file = std::filesystem::path(folder) / files[static_cast<std::size_t>(test)];
  std::error_code ignored;
  if (found.job && found.job->view().state != State::done) return found;
  if (!found.job && !std::filesystem::exists(file, ignored)) return found;
  auto json = read_json_file(file, std::uint64_t{1} << 24);
  // A position test that was stopped leaves the places it came to; it is not a result.
  if (json && json->is_object() && !flag(*json, "complete", true)) {
    found.error = "It was stopped before: start it again.";
    return found;
  }
  if (json && json->is_object()) found.result = std::move(*json);
  if (!found.result) found.error = json ? file.string() + ": no JSON object" : json.error().message;
  return found;
}

const Json* TestsPanel::result(const AppState& state, PromptTest test) {
  if (!state.snapshot->prompt || !state.snapshot->model) return nullptr;
  const Held& found = held(state, test);
  return found.result ? &*found.result : nullptr;
}

std::optional<PromptTest> TestsPanel::chosen(const AppState& state) {
  if (result(state, chosen_) != nullptr) return chosen_;
  for (int i = 0; i < prompt_tests; ++i) {
    const auto test = static_cast<PromptTest>(i);
    if (result(state, test) != nullptr) return test;
  }
  return std::nullopt;
}

void TestsPanel::start(AppState& state, PromptTest test) {
  if (!state.snapshot->prompt || !state.snapshot->model || !state.prompt_is_current()) return;
  Held& mine = held(state, test);
  mine = {};
  auto plan = plan_prompt_test(test, input_of(state), root_);
  if (!plan) {
    mine.error = plan.error().message;
    return;
  }
  mine.job =
      std::make_unique<ExperimentJob>(program_, ExperimentForm{}, std::move(*plan), state.wake);
}

void TestsPanel::save_report(AppState& state, ExportMenu& exports) {
  PromptTestResults tests{};
  for (int i = 0; i < prompt_tests; ++i)
    tests[static_cast<std::size_t>(i)] = result(state, static_cast<PromptTest>(i));
  auto source = report_source(state, tests);
  if (!source) return state.notify(Notice::Kind::error, source.error().message);
  exports.run("report", report_job(state, std::move(*source), root_ / "reports"), state.wake);
}

void TestsPanel::test_line(ViewContext& context, PromptTest test) {
  AppState& state = context.state;
  Held& mine = held(state, test);
  ImGui::PushID(static_cast<int>(test));
  const bool busy = mine.job && mine.job->view().state == State::running;
  if (busy) {
    const auto view = mine.job->view();
    const Progress& progress = view.progress.progress;
    const float share = progress.total > 0 ? static_cast<float>(progress.done / progress.total) : 0;
    const float cancel = ImGui::CalcTextSize("Cancel").x + em() * 1.5f;
    const std::string text = std::string(prompt_test_name(test)) + "  " + view.progress.remaining;
    ImGui::ProgressBar(share, ImVec2(ImGui::GetContentRegionAvail().x - cancel, 0), text.c_str());
    ImGui::SameLine();
    if (ImGui::Button("Cancel")) mine.job->stop();
  } else {
    if (ImGui::Button(prompt_test_name(test))) start(state, test);
    ImGui::SetItemTooltip("%s", prompt_test_note(test));
    ImGui::SameLine();
    ImGui::AlignTextToFramePadding();
    wrapped(context.theme.muted, prompt_test_note(test));
  }
  if (!busy && mine.job && mine.job->view().state == State::failed)
    wrapped(context.theme.bad, mine.job->view().message);
  if (!busy && mine.job && mine.job->view().state == State::stopped)
    text_muted(context, "Cancelled.");
  if (!mine.error.empty()) wrapped(context.theme.bad, mine.error);
  if (mine.result) {
    command_button(context, "export.test." + std::to_string(static_cast<int>(test)), "Export ...");
    if (test == PromptTest::positions) positions(context, *mine.result);
    if (test == PromptTest::removal) removal(context, *mine.result);
    if (test == PromptTest::tune) tune(context, *mine.result);
  }
  ImGui::PopID();
}

void TestsPanel::positions(ViewContext& context, const Json& result) {
  if (!is_list(result, "rows") || result["rows"].empty()) return;
  const int moved = integer(result["rows"][0], "document") - 1;
  wrapped(context.theme.muted, "Document " + name_of(*of_, moved) + ", unedited model");
  if (!table("positions", {"place", "right", "log p", "mass", "answer"})) return;
  for (const Json& row : result["rows"]) {
    ImGui::TableNextRow();
    const bool original = flag(row, "original", false);
    const double match = number_or_nan(row, "match");
    cell(shown(number_or_nan(row, "position") + 1, 0) + (original ? " (is)" : ""));
    cell(std::isfinite(match) ? (match > 0 ? "yes" : "no") : "-");
    cell(shown(number_or_nan(row, "log_probability"), 2));
    cell(shown(number_or_nan(row, "relevant_mass")));
    fitted_cell(context, text_or_empty(row, "response"));
  }
  ImGui::EndTable();
}

void TestsPanel::removal(ViewContext& context, const Json& result) {
  if (!is_list(result, "documents")) return;
  std::vector<std::pair<double, int>> order;
  const auto loss = [](const Json& document) {
    const double drop = number_or_nan(document, "drop");
    return std::isfinite(drop) ? drop : 0;
  };
  for (const Json& document : result["documents"])
    order.emplace_back(-loss(document), integer(document, "number") - 1);
  const Json& documents = result["documents"];
  std::vector<std::size_t> places(order.size());
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
  std::stable_sort(places.begin(), places.end(),
                   [&](std::size_t a, std::size_t b) { return order[a].first < order[b].first; });
  wrapped(context.theme.muted,
          "Log-probability that the model's own answer loses without it (nats)");
  if (!table("removal", {"loss", "mass", "document"})) return;
  for (const std::size_t place : places) {
    ImGui::TableNextRow();
    cell(shown(-order[place].first, 2));
    cell(shown(number_or_nan(documents[place], "mass")));
    ImGui::TableNextColumn();
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float room = ImGui::GetContentRegionAvail().x;
    const std::string name = name_of(*of_, order[place].second);
    ImGui::PushID(static_cast<int>(place));
    if (ImGui::Selectable("##document", false, ImGuiSelectableFlags_SpanAllColumns))
      context.state.show_document = order[place].second;
    ImGui::PopID();
    ImGui::SetItemTooltip("%s", name.c_str());
    draw_fitted_text(*ImGui::GetWindowDrawList(), at, room, context.theme.text, name);
  }
  ImGui::EndTable();
}

void TestsPanel::tune(ViewContext& context, const Json& result) {
  const auto best = result.find("best");
  if (!is_list(result, "rows") || best == result.end() || !best->is_object()) return;
  wrapped(context.theme.muted, "Measured: " + text_or_empty(result, "measured") +
                                   (flag(result, "likely", false) ? " (likely document)" : ""));
  const double alpha = number_or_nan(*best, "alpha"), tau = number_or_nan(*best, "tau"),
               top_k = number_or_nan(*best, "top_k");
  const bool nothing = alpha == 0 && tau == 1;
  if (nothing) {
    ImGui::TextUnformatted("Best: change nothing.");
  } else if (std::isfinite(alpha) && std::isfinite(tau) && std::isfinite(top_k) &&
             ImGui::Button("Use the best")) {
    InterventionSettings& settings = context.state.request.intervention;
    settings.alpha = alpha;
    settings.tau = tau;
    settings.top_k = static_cast<int>(top_k);
    settings.choice = HeadChoice::contextual;
  }
  if (!table("tune", {"alpha", "tau", "k", "log p", "relevant share"})) return;
  for (const Json& row : result["rows"]) {
    ImGui::TableNextRow();
    if (row == *best) ImGui::TableSetBgColor(ImGuiTableBgTarget_RowBg1, context.theme.gold_soft);
    cell(number_or_nan(row, "alpha") == 0 ? "off" : shown(number_or_nan(row, "alpha"), 1));
    cell(number_or_nan(row, "tau") == 1 ? "off" : shown(number_or_nan(row, "tau"), 1));
    cell(shown(number_or_nan(row, "top_k"), 0));
    cell(shown(number_or_nan(row, "log_probability"), 2));
    cell(shown(number_or_nan(row, "relevant_share")));
  }
  ImGui::EndTable();
}

void TestsPanel::draw(ViewContext& context) {
  const AppState& state = context.state;
  if (!state.snapshot->prompt || !state.snapshot->model || !state.baseline()) {
    empty_note(context, "Tests of this prompt", "They can be started after the first run.");
    return;
  }
  if (!state.prompt_is_current()) {
    empty_note(context, "The prompt has changed", "Tests follow when it was read.");
    return;
  }
  if (state.snapshot->prompt->documents.size() < 2) {
    empty_note(context, "Fewer than two documents",
               "Choose in the prompt how its documents are found.");
    return;
  }
  for (int i = 0; i < prompt_tests; ++i) {
    test_line(context, static_cast<PromptTest>(i));
    ImGui::Spacing();
  }
  command_button(context, "prompt.report", "Save report");
}

}  // namespace headscope
