// Sessions, prompts as tabs, and what is opened: commands and dispatch.
#include <imgui.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>

#include "app/shell/app.h"
#include "app/shell/layout.h"
#include "app/shell/recognise.h"
#include "app/shell/user_files.h"
#include "core/base/file.h"

namespace headscope {
namespace {

constexpr const char* kSessionEnding = ".headscope.json";
constexpr const char* kRecentCommand = "recent.";

bool same_file(const std::string& a, const std::string& b) {
  std::error_code failed;
  return std::filesystem::equivalent(a, b, failed) && !failed;
}

std::filesystem::path recent_path() {
  return state_folder() / "recent.json";
}

}  // namespace

void App::report(const Result<>& done, const std::string& said) {
  if (!done) {
    state_.notify(Notice::Kind::error, done.error().message);
  } else if (!said.empty()) {
    state_.notify(Notice::Kind::info, said);
  }
}

void App::register_session_commands() {
  commands_.add({"session.new",
                 "New session",
                 "File",
                 ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_N,
                 [this] { new_session(); },
                 {},
                 {}});
  commands_.add({"session.open",
                 "Open session ...",
                 "File",
                 ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_O,
                 [this] { ask_for_session(); },
                 {},
                 {}});
  commands_.add({"session.save",
                 "Save session",
                 "File",
                 ImGuiMod_Ctrl | ImGuiKey_S,
                 [this] { keeper_.file().empty() ? ask_where_to_save() : save_session(); },
                 {},
                 {}});
  commands_.add({"session.save_as",
                 "Save session as ...",
                 "File",
                 ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_S,
                 [this] { ask_where_to_save(); },
                 {},
                 {}});
  commands_.add({"session.back",
                 "Back to the session before",
                 "File",
                 0,
                 [this] { report(keeper_.back(), {}); },
                 [this] { return keeper_.has_before(); },
                 {}});
  commands_.add({"recents.forget",
                 "Forget all of these",
                 "File/Recent",
                 0,
                 [this] {
                   recent_.clear();
                   recent_changed_ = true;
                 },
                 {},
                 {}});
}

void App::register_tab_commands() {
  const auto several = [this] { return tabs_.size() > 1; };
  commands_.add({"tab.open",
                 "New tab",
                 "Prompt",
                 ImGuiMod_Ctrl | ImGuiKey_T,
                 [this] { open_tab(); },
                 {},
                 {},
                 true});
  commands_.add(
      {"tab.duplicate", "Duplicate the tab", "Prompt", 0, [this] { tabs_.duplicate(); }, {}, {}});
  commands_.add({"tab.close",
                 "Close the tab",
                 "Prompt",
                 ImGuiMod_Ctrl | ImGuiKey_W,
                 [this] { tabs_.close(tabs_.active()); },
                 several,
                 {}});
  commands_.add({"tab.reopen",
                 "Open the closed tab again",
                 "Prompt",
                 ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_T,
                 [this] { tabs_.reopen(); },
                 [this] { return tabs_.can_reopen(); },
                 {}});
  commands_.add({"tab.rename",
                 "Rename the tab ...",
                 "Prompt",
                 ImGuiKey_F2,
                 [this] { tab_bar_.ask_for_name(); },
                 {},
                 {}});
  commands_.add({"tab.next",
                 "Next tab",
                 "Prompt",
                 ImGuiMod_Ctrl | ImGuiKey_Tab,
                 [this] { tabs_.step(1); },
                 several,
                 {}});
  commands_.add({"tab.previous",
                 "Previous tab",
                 "Prompt",
                 ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_Tab,
                 [this] { tabs_.step(-1); },
                 several,
                 {}});
  for (const int step : {-1, 1}) {
    commands_.add(
        {step < 0 ? "tab.move_left" : "tab.move_right",
         step < 0 ? "Move the tab to the left" : "Move the tab to the right",
         "Prompt",
         ImGuiMod_Ctrl | ImGuiMod_Shift | (step < 0 ? ImGuiKey_PageUp : ImGuiKey_PageDown),
         [this, step] {
           tabs_.move(tabs_.active(), tabs_.active() + static_cast<std::size_t>(step));
         },
         several,
         {}});
  }
}

// A sample where the embedded model can make one, else an empty text to paste into.
void App::open_tab() {
  if (!tabs_.open()) return;
  if (state_.request.model == "demo" && state_.sample_source) {
    state_.new_sample();
  } else {
    state_.view.edit_text = true;
  }
}

void App::new_session() {
  TabRecord tab;
  tab.request.model = state_.request.model;
  tab.request.device = state_.request.device;
  tab.request.dtype = state_.request.dtype;
  tab.view = state_.view;
  report(keeper_.start_anew({{tab}, 0}), {});
  if (state_.request.model == "demo" && state_.sample_source) state_.new_sample();
}

void App::save_session() {
  report(keeper_.save(), "Saved " + keeper_.file());
  if (recent_.add(RecentKind::session, keeper_.file())) recent_changed_ = true;
}

void App::save_session_as(std::string path) {
  if (std::filesystem::path(path).extension().empty()) path += kSessionEnding;
  std::error_code ignored;
  const bool there = std::filesystem::exists(path, ignored);
  if (there && !same_file(path, keeper_.file()) && std::exchange(overwrite_, path) != path) {
    const bool session = recognise(path).value_or(FileKind::prompt) == FileKind::session;
    state_.notify(
        session ? Notice::Kind::info : Notice::Kind::error,
        path + (session ? " is there already: save under this name once more to replace it."
                        : " is there already and is no session: choose another name."));
    if (!session) overwrite_.clear();
    return ask_where_to_save(path);
  }
  overwrite_.clear();
  report(keeper_.save_as(path), "Saved " + path);
  if (keeper_.file() != path && keeper_.file().empty()) return;
  if (recent_.add(RecentKind::session, keeper_.file())) recent_changed_ = true;
}

void App::open_session(const std::string& path) {
  const Result<> opened = keeper_.open(path);
  report(opened, {});
  if (!opened) return;
  if (recent_.add(RecentKind::session, keeper_.file())) recent_changed_ = true;
  note_missing_model();
}

// The work stays as it is; only its model has to be found again.
void App::note_missing_model() {
  std::error_code ignored;
  const std::string& model = state_.request.model;
  if (model == "demo" || std::filesystem::exists(model, ignored)) return;
  state_.notify(Notice::Kind::error,
                model +
                    ": the session's model is not there any more. Prompts, marks and settings "
                    "are untouched: choose where it is now with File > Open model.");
}

void App::ask_for_session() {
  path_dialog_.ask({"Open session",
                    "A session file. What is open now can be had back with File > Back to the "
                    "session before.",
                    false,
                    {"Sessions", "*.json"},
                    "",
                    "",
                    [this](const std::string& path) { open_path(path); }});
}

void App::ask_where_to_save(const std::string& proposal) {
  PathDialog::Question question{"Save session",
                                "All prompts with their marks, settings and heads, the model's "
                                "path and how things are shown.",
                                false,
                                {"Sessions", "*.json"},
                                "",
                                "",
                                [this](const std::string& path) { save_session_as(path); }};
  question.save = true;
  question.button = "Save";
  path_dialog_.ask(std::move(question), proposal.empty() ? keeper_.file() : proposal);
}

void App::take_dropped(const std::string& path) {
  const Result<FileKind> kind = recognise(path);
  open_path(path);
  if (!kind || *kind == FileKind::directions) return;  // of which the name stays in sight
  state_.notify(Notice::Kind::info, std::filesystem::path(path).filename().string() +
                                        ": opened as " + file_kind_name(*kind));
}

void App::open_path(const std::string& path) {
  const Result<FileKind> kind = recognise(path);
  if (!kind) return state_.notify(Notice::Kind::error, kind.error().message);
  switch (*kind) {
    case FileKind::model:
      state_.choose_model(path);
      state_.request.selected = {};
      break;
    case FileKind::adapter:
      state_.request.adapter = path;
      break;
    case FileKind::session:
      open_session(path);
      break;
    case FileKind::head_set:
      state_.open_head_set(path);
      break;
    case FileKind::directions:
      open_directions(path);
      break;
    case FileKind::data:
      state_.open_data(path);
      break;
    case FileKind::lesson:
      report(open_lesson(path), {});
      break;
    case FileKind::prompt:
      open_prompt(path);
      break;
  }
}

void App::open_prompt(const std::string& path) {
  constexpr std::uint64_t kMostText = 16u << 20;
  const Result<std::string> text = read_text_file(path, kMostText);
  if (!text) return state_.notify(Notice::Kind::error, text.error().message);
  PromptRequest prompt;
  prompt.text = *text;
  prompt.chat = state_.request.prompt.chat;
  state_.request.prompt = std::move(prompt);
}

// They are in use from now on; undo leads back to those before.
void App::open_directions(const std::string& path) {
  const Result<> taken = state_.use_directions(path);
  const std::string file =
      std::filesystem::path(state_.request.intervention.directions).filename().string();
  report(taken, file + ": focus directions in use instead of the model's own; " +
                    (state_.request.intervention.alpha == 0 ? "move alpha to add them."
                                                            : "alpha adds them now."));
}

void App::load_recent() {
  auto recent = RecentFiles::load(recent_path());
  if (!recent) return state_.notify(Notice::Kind::error, recent.error().message);
  recent_ = std::move(*recent);
  keep_recent_ = true;
  list_recent_commands();
}

// What was opened and read without fault is remembered.
void App::watch_recent() {
  const auto& model = state_.snapshot->model;
  if (model != noted_model_) {
    noted_model_ = model;
    if (model && !model->is_demo && state_.request.model == state_.snapshot->request.model)
      recent_changed_ = recent_.add(RecentKind::model, state_.request.model) || recent_changed_;
  }
  if (state_.book.path != noted_data_ && !state_.book.samples.empty()) {
    noted_data_ = state_.book.path;
    recent_changed_ = recent_.add(RecentKind::data, noted_data_) || recent_changed_;
  }
  if (!std::exchange(recent_changed_, false)) return;
  list_recent_commands();
  if (keep_recent_) report(recent_.save(recent_path()), {});
}

void App::list_recent_commands() {
  commands_.remove(kRecentCommand);
  const char* menus[recent_kinds] = {"File/Recent/Models", "File/Recent/Data",
                                     "File/Recent/Sessions"};
  for (int i = 0; i < recent_kinds; ++i) {
    const auto kind = static_cast<RecentKind>(i);
    for (const std::string& path : recent_.of(kind)) {
      commands_.add({kRecentCommand + std::to_string(i) + "." + path,
                     path,
                     menus[i],
                     0,
                     [this, kind, path] { open_recent(kind, path); },
                     {},
                     {}});
    }
  }
}

void App::open_recent(RecentKind kind, const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return open_path(path);
  recent_.remove(kind, path);
  recent_changed_ = true;
  state_.notify(Notice::Kind::error, path + ": not there any more; taken off the list.");
}

std::string App::window_title() const {
  const ModelInfo* model = state_.snapshot->model.get();
  std::string title = keeper_.title();
  if (model != nullptr && !model->is_demo) title += (title.empty() ? "" : " - ") + model->name;
  return title.empty() ? "Headscope" : title + " - Headscope";
}

}  // namespace headscope
