// The actions of the window, registered with name, menu, shortcut and what they do: files, editing,
// prompts, models, heads and experiments. What views show is in app_view_commands.cpp.
#include <imgui.h>

#include "app/shell/app.h"
#include "app/shell/layout.h"

namespace headscope {

// In the order of the menus.
void App::register_commands() {
  register_file_commands();
  register_edit_commands();
  register_prompt_commands();
  register_tab_commands();
  register_model_commands();
  register_head_commands();
  register_exploration_commands();
  register_experiment_commands();
  register_lesson_commands();
  register_map_commands();
  register_explain_commands();
  register_view_commands();
}

void App::register_file_commands() {
  AppState& s = state_;
  commands_.add({"file.open_model",
                 "Open model ...",
                 "File",
                 ImGuiMod_Ctrl | ImGuiKey_O,
                 [this] { ask_for_model(); },
                 {},
                 {}});
  commands_.add({"file.models",
                 "Models on this machine",
                 "File",
                 ImGuiMod_Ctrl | ImGuiKey_M,
                 [this] { views_.show(titles::models); },
                 {},
                 {}});
  commands_.add({"file.open_data",
                 "Open data ...",
                 "File",
                 ImGuiMod_Ctrl | ImGuiKey_D,
                 [this] { ask_for_data(); },
                 {},
                 {}});
  commands_.add({"file.embedded_model",
                 "Use the embedded model",
                 "File",
                 0,
                 [&s] { s.choose_model("demo"); },
                 {},
                 [&s] { return s.request.model == "demo"; }});
  register_session_commands();
  register_export_commands();
  commands_.add({"file.picture",
                 "Save a picture of the window",
                 "File",
                 ImGuiMod_Ctrl | ImGuiMod_Alt | ImGuiKey_S,
                 [this] { picture_ = true; },
                 {},
                 {},
                 true});
  commands_.add({"file.quit",
                 "Quit",
                 "File",
                 ImGuiMod_Ctrl | ImGuiKey_Q,
                 [this] { quit_ = true; },
                 {},
                 {},
                 true});
}

void App::register_edit_commands() {
  AppState& s = state_;
  commands_.add({"edit.preferences",
                 "Preferences and shortcuts",
                 "Edit",
                 0,
                 [this] { views_.show(titles::preferences); },
                 {},
                 {}});
  const auto typing = [] { return ImGui::GetIO().WantTextInput; };  // a text field has its own undo
  commands_.add({"edit.undo",
                 "Undo",
                 "Edit",
                 ImGuiMod_Ctrl | ImGuiKey_Z,
                 [&s] { s.history.undo(s.request); },
                 [&s, typing] { return s.history.can_undo() && !typing(); },
                 {}});
  commands_.add({"edit.redo",
                 "Redo",
                 "Edit",
                 ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_Z,
                 [&s] { s.history.redo(s.request); },
                 [&s, typing] { return s.history.can_redo() && !typing(); },
                 {}});
  commands_.add({"settings.reset",
                 "Reset the intervention",
                 "Edit",
                 ImGuiMod_Ctrl | ImGuiKey_R,
                 [&s] { s.reset_settings(); },
                 [&s] {
                   return !s.request.intervention.is_identity() ||
                          s.request.intervention.choice != HeadChoice::contextual;
                 },
                 {},
                 true});
  commands_.add({"edit.copy_answers",
                 "Copy both answers",
                 "Edit",
                 ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_C,
                 [&s] {
                   std::string text = "baseline: " + s.baseline()->response_text;
                   if (s.intervened() != nullptr)
                     text += "\nintervened: " + s.intervened()->response_text;
                   ImGui::SetClipboardText(text.c_str());
                 },
                 [&s] { return s.baseline() != nullptr; },
                 {}});
}

void App::register_prompt_commands() {
  AppState& s = state_;
  commands_.add({"prompt.new_sample",
                 "New sample",
                 "Prompt",
                 ImGuiMod_Ctrl | ImGuiKey_N,
                 [&s] { s.new_sample(); },
                 [&s] { return static_cast<bool>(s.sample_source); },
                 {}});
  commands_.add({"prompt.own_people",
                 "People and facts of your own ...",
                 "Prompt",
                 0,
                 [&s] { s.view_to_show = titles::own_people; },
                 {},
                 {}});
  commands_.add({"data.previous",
                 "Previous sample of the data file",
                 "Prompt",
                 ImGuiMod_Ctrl | ImGuiKey_PageUp,
                 [&s] { s.turn_page(-1); },
                 [&s] { return !s.book.samples.empty() && s.book.current > 0; },
                 {}});
  commands_.add(
      {"data.next",
       "Next sample of the data file",
       "Prompt",
       ImGuiMod_Ctrl | ImGuiKey_PageDown,
       [&s] { s.turn_page(1); },
       [&s] { return !s.book.samples.empty() && s.book.current + 1 < s.book.samples.size(); },
       {}});
  commands_.add({"prompt.edit_text",
                 "Edit the prompt as text",
                 "Prompt",
                 ImGuiMod_Ctrl | ImGuiKey_E,
                 [&s] { s.view.edit_text = !s.view.edit_text; },
                 {},
                 [&s] { return s.view.edit_text; },
                 true});
  const auto capture = [&](const char* id, const char* name, KeepAttention policy) {
    commands_.add({id,
                   name,
                   "Prompt",
                   0,
                   [&s, policy] { s.request.keep = policy; },
                   {},
                   [&s, policy] { return s.request.keep == policy; },
                   policy == KeepAttention::automatic});
  };
  capture("capture.automatic", "Keep of attention: what fits", KeepAttention::automatic);
  capture("capture.spans", "Keep of attention: span sums", KeepAttention::spans);
  capture("capture.rows", "Keep of attention: response rows", KeepAttention::rows);
  register_run_commands();
}

void App::register_run_commands() {
  AppState& s = state_;
  commands_.add({"run.causal", "Causal check of the baseline's answer", "Prompt", 0,
                 [&s] { s.ask_causal(!s.request.questions.causal); },
                 [&s] {
                   return s.baseline() != nullptr && s.prompt_is_current() &&
                          !s.snapshot->prompt->documents.empty() && !s.baseline()->response.empty();
                 },
                 [&s] { return s.request.questions.causal; }, true});
  register_test_commands();
  commands_.add({"settings.auto_alpha",
                 "Automatic strength of focus directions",
                 "Prompt",
                 0,
                 [&s] { s.ask_auto_alpha(); },
                 [&s] {
                   return s.baseline() != nullptr && s.snapshot->model != nullptr &&
                          s.snapshot->model->has_directions && !s.request.questions.auto_alpha;
                 },
                 {}});
  commands_.add({"run.cancel",
                 "Cancel the run",
                 "Prompt",
                 ImGuiMod_Ctrl | ImGuiKey_Period,
                 [this] {
                   if (engine_ != nullptr) engine_->cancel();
                 },
                 [&s] {
                   const auto now = s.snapshot->status.state;
                   return now == EngineStatus::State::running ||
                          now == EngineStatus::State::loading_model;
                 },
                 {},
                 true});
}

void App::register_test_commands() {
  AppState& s = state_;
  for (int i = 0; i < prompt_tests; ++i) {
    const auto test = static_cast<PromptTest>(i);
    commands_.add({"test." + std::to_string(i),
                   std::string("Test of this prompt: ") + prompt_test_name(test),
                   "Prompt",
                   0,
                   [this, test] {
                     tests_.start(state_, test);
                     views_.show(titles::tests);
                   },
                   [&s] {
                     return s.baseline() != nullptr && s.prompt_is_current() &&
                            s.snapshot->prompt->documents.size() > 1;
                   },
                   {}});
  }
  commands_.add({"prompt.report",
                 "Save a report of this prompt",
                 "Prompt",
                 0,
                 [this] { tests_.save_report(state_, exports_); },
                 [&s] { return s.baseline() != nullptr && s.prompt_is_current(); },
                 {}});
  commands_.add({"prompt.accept_likely",
                 "Mark the likely document as relevant",
                 "Prompt",
                 0,
                 [&s] { s.accept_likely(); },
                 [&s] { return s.likely().index >= 0; },
                 {}});
}

void App::register_model_commands() {
  AppState& s = state_;
  const auto choose = [&](const std::string& id, const std::string& name,
                          std::string Request::*field, const std::string& value, bool separator) {
    commands_.add({id,
                   name,
                   "Model",
                   0,
                   [&s, field, value] { s.request.*field = value; },
                   {},
                   [&s, field, value] { return s.request.*field == value; },
                   separator});
  };
  choose("model.device.auto", "Compute on a card if there is one", &Request::device, "auto", false);
  choose("model.device.cpu", "Compute on the processor", &Request::device, "cpu", false);
  choose("model.device.cuda", "Compute on NVIDIA cards", &Request::device, "cuda", false);
  choose("model.dtype.auto", "Weights: as usual on the device", &Request::dtype, "auto", true);
  for (const char* dtype : {"float32", "bfloat16", "float16"}) {
    choose(std::string("model.dtype.") + dtype, std::string("Weights: ") + dtype, &Request::dtype,
           dtype, false);
  }
  choose("model.dtype.int8", "Weights: int8 (a quarter of the memory)", &Request::dtype, "int8",
         false);
  commands_.add({"model.adapter",
                 "Merge a LoRA adapter ...",
                 "Model",
                 0,
                 [this] { ask_for_adapter(); },
                 {},
                 {},
                 true});
  commands_.add({"model.no_adapter",
                 "Without adapter",
                 "Model",
                 0,
                 [&s] { s.request.adapter.clear(); },
                 [&s] { return !s.request.adapter.empty(); },
                 {}});
  commands_.add({"directions.open",
                 "Focus directions ...",
                 "Model",
                 0,
                 [this] { ask_for_directions(); },
                 {},
                 {},
                 true});
  commands_.add({"directions.own",
                 "The model's own focus directions",
                 "Model",
                 0,
                 [&s] { s.use_own_directions(); },
                 [&s] { return !s.request.intervention.directions.empty(); },
                 {}});
}

void App::register_head_commands() {
  AppState& s = state_;
  const auto choose = [&](const char* id, const char* name, HeadChoice choice) {
    commands_.add({id,
                   name,
                   "Heads",
                   0,
                   [&s, choice] {
                     InterventionSettings& settings = s.request.intervention;
                     if (choice == HeadChoice::picked && settings.picked.empty())
                       settings.picked = s.chosen();
                     settings.choice = choice;
                   },
                   {},
                   [&s, choice] { return s.request.intervention.choice == choice; }});
  };
  choose("heads.contextual", "Act on contextual heads", HeadChoice::contextual);
  choose("heads.random", "Act on random heads (control)", HeadChoice::random);
  choose("heads.picked", "Act on picked heads", HeadChoice::picked);
  commands_.add({"heads.pick",
                 "Pick or unpick the selected head",
                 "Heads",
                 ImGuiKey_P,
                 [&s] { s.toggle_pick(s.request.selected); },
                 [&s] { return s.snapshot->model != nullptr; },
                 {},
                 true});
  commands_.add({"heads.clear_picks",
                 "Clear the picked heads",
                 "Heads",
                 0,
                 [&s] { s.request.intervention.picked.clear(); },
                 [&s] { return !s.request.intervention.picked.empty(); },
                 {}});
  commands_.add({"heads.redraw",
                 "Draw other random heads",
                 "Heads",
                 0,
                 [&s] { ++s.request.intervention.random_seed; },
                 [&s] { return s.request.intervention.choice == HeadChoice::random; },
                 {}});
  commands_.add({"heads.compare",
                 "Compare with another head set...",
                 "Heads",
                 0,
                 [this] { ask_for_heads(); },
                 [&s] { return s.snapshot->model != nullptr; },
                 {}});
  commands_.add({"heads.next",
                 "Select the next head of the ranking",
                 "Heads",
                 ImGuiKey_Period,
                 [&s] { s.select_rank(1); },
                 [&s] { return !s.ranking().empty(); },
                 {},
                 true});
  commands_.add({"heads.previous",
                 "Select the previous head of the ranking",
                 "Heads",
                 ImGuiKey_Comma,
                 [&s] { s.select_rank(-1); },
                 [&s] { return !s.ranking().empty(); },
                 {}});
  commands_.add({"rows.response",
                 "Act on response rows only",
                 "Heads",
                 0,
                 [&s] {
                   RowSelection& rows = s.request.intervention.rows;
                   const bool all = rows.kind != RowSelection::Kind::response;
                   rows = {all ? RowSelection::Kind::response : RowSelection::Kind::all, 0};
                 },
                 {},
                 [&s] { return s.request.intervention.rows.kind == RowSelection::Kind::response; },
                 true});
  commands_.add({"rows.key_directions",
                 "Add the key half of focus directions (no effect)",
                 "Heads",
                 0,
                 [&s] {
                   bool& on = s.request.intervention.use_key_directions;
                   on = !on;
                 },
                 {},
                 [&s] { return s.request.intervention.use_key_directions; }});
}

void App::register_experiment_commands() {
  for (int i = 0; i < experiment_kinds; ++i) {
    const auto kind = static_cast<ExperimentKind>(i);
    commands_.add({"experiment." + std::to_string(i),
                   experiment_name(kind),
                   "Experiments",
                   0,
                   [this, kind] {
                     experiments_.show(kind);
                     views_.show(titles::experiments);
                   },
                   {},
                   {}});
  }
  commands_.add({"experiment.sweep_this",
                 "Sweep around these settings",
                 "Experiments",
                 0,
                 [this] {
                   experiments_.sweep_around(state_.request.intervention);
                   views_.show(titles::experiments);
                 },
                 [this] {
                   const InterventionSettings& now = state_.request.intervention;
                   return now.tau != 1 || now.alpha != 0;
                 },
                 {},
                 true});
}

}  // namespace headscope
