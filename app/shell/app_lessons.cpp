// Lessons in the window: their commands, the outline of the views they speak of, presenter mode.
#include <imgui.h>
#include <imgui_internal.h>

#include <algorithm>
#include <string>
#include <utility>

#include "app/shell/app.h"
#include "app/shell/layout.h"
#include "app/views/status_bar.h"

namespace headscope {
namespace {

constexpr float kPresenterZoom = 1.5f;
constexpr const char* kLessonCommand = "lesson.open.";

// A part of the screen that stays where it is.
template <class Draw>
void fixed_pane(const std::string& name, ImVec2 at, ImVec2 size, Draw draw) {
  ImGui::SetNextWindowPos(at);
  ImGui::SetNextWindowSize(size);
  // Not NoBringToFrontOnFocus: such windows begin behind all others, the dock space's included.
  const ImGuiWindowFlags flags = ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoResize |
                                 ImGuiWindowFlags_NoCollapse | ImGuiWindowFlags_NoDocking |
                                 ImGuiWindowFlags_NoSavedSettings;
  if (ImGui::Begin(name.c_str(), nullptr, flags)) draw();
  ImGui::End();
}

}  // namespace

void App::configure_lessons(std::vector<std::filesystem::path> folders) {
  lessons_.configure(std::move(folders));
  list_lesson_commands();
}

void App::reload_lessons() {
  lessons_.reload(state_);
  list_lesson_commands();
}

Result<> App::open_lesson(const std::string& name) {
  HEADSCOPE_TRY(lessons_.open(state_, name));
  views_.show(titles::lesson);
  return {};
}

void App::present(bool on) {
  if (on == presenting_) return;
  presenting_ = on;
  if (on) {
    theme_before_ = theme_kind_;
    zoom_before_ = zoom_;
    set_theme(ThemeKind::contrast);
    set_scale(display_scale_, zoom_ * kPresenterZoom);
  } else {
    set_theme(theme_before_);
    set_scale(display_scale_, zoom_before_);
    views_.show(titles::lesson);
  }
}

// Presenting, the answer comes before the next step: a remote control has one key.
void App::next_in_lesson() {
  if (presenting_ && lessons_.open_question() != nullptr) {
    lessons_.reveal(state_);
  } else {
    lessons_.move(state_, 1);
  }
}

void App::register_answer_commands() {
  constexpr int kMostChoices = 9;
  const auto typing = [] { return ImGui::GetIO().WantTextInput; };
  for (int i = 0; i < kMostChoices; ++i) {
    const auto index = static_cast<std::size_t>(i);
    commands_.add({"lesson.choose_" + std::to_string(i + 1),
                   "Choose answer " + std::to_string(i + 1),
                   "",
                   ImGuiKey_1 + i,
                   [this, index] { lessons_.choose(index); },
                   [this, index, typing] {
                     const LessonQuestion* question = lessons_.open_question();
                     return question != nullptr && index < question->choices.size() && !typing();
                   },
                   {}});
  }
  commands_.add({"lesson.reveal",
                 "Reveal the answer",
                 "Lessons",
                 ImGuiKey_R,
                 [this] { lessons_.reveal(state_); },
                 [this, typing] {
                   return lessons_.open_question() != nullptr && !typing() &&
                          (presenting_ || lessons_.chosen() >= 0);
                 },
                 {}});
}

void App::register_lesson_commands() {
  const auto open = [this] { return lessons_.is_open(); };
  const auto next = [this] {
    return lessons_.can_move(1) || (presenting_ && lessons_.open_question() != nullptr);
  };
  const auto typing = [] { return ImGui::GetIO().WantTextInput; };
  commands_.add({"lesson.next",
                 "Next step",
                 "Lessons",
                 ImGuiKey_PageDown,
                 [this] { next_in_lesson(); },
                 [this, next, typing] { return next() && !typing(); },
                 {}});
  commands_.add({"lesson.back",
                 "Step back",
                 "Lessons",
                 ImGuiKey_PageUp,
                 [this] { lessons_.move(state_, -1); },
                 [this, typing] { return lessons_.can_move(-1) && !typing(); },
                 {}});
  // The arrows too while presenting: remote controls send either.
  commands_.add({"lesson.next_slide",
                 "Next step (presenting)",
                 "",
                 ImGuiKey_RightArrow,
                 [this] { next_in_lesson(); },
                 [this, next, typing] { return presenting_ && next() && !typing(); },
                 {}});
  commands_.add({"lesson.previous_slide",
                 "Step back (presenting)",
                 "",
                 ImGuiKey_LeftArrow,
                 [this] { lessons_.move(state_, -1); },
                 [this, typing] { return presenting_ && lessons_.can_move(-1) && !typing(); },
                 {}});
  register_answer_commands();
  commands_.add({"lesson.reset",
                 "Reset the step",
                 "Lessons",
                 0,
                 [this] { lessons_.reset_step(state_); },
                 open,
                 {}});
  commands_.add({"lesson.present", "Present", "Lessons", ImGuiKey_F5,
                 [this] { present(!presenting_); }, open, [this] { return presenting_; }});
  commands_.add({"lesson.stop_presenting",
                 "End of the presentation",
                 "",
                 ImGuiKey_Escape,
                 [this] { present(false); },
                 [this] { return presenting_ && !palette_.is_open() && !path_dialog_.is_open(); },
                 {}});
  commands_.add({"lesson.close",
                 "All lessons",
                 "Lessons",
                 0,
                 [this] {
                   present(false);
                   lessons_.close();
                 },
                 open,
                 {}});
  commands_.add({"lesson.reload",
                 "Read the lessons again",
                 "Lessons",
                 0,
                 [this] { reload_lessons_ = true; },  // not while a menu walks over the commands
                 {},
                 {}});
}

void App::list_lesson_commands() {
  commands_.remove(kLessonCommand);
  bool first = true;
  for (const LessonPanel::Entry& entry : lessons_.entries()) {
    const std::string path = entry.path.string();
    const bool good = entry.problem.empty();
    commands_.add({kLessonCommand + entry.name(),
                   good ? entry.lesson.title : entry.name() + " (cannot be opened)",
                   "Lessons",
                   0,
                   [this, path] {
                     if (const Result<> opened = open_lesson(path); !opened)
                       state_.notify(Notice::Kind::error, opened.error().message);
                   },
                   {},
                   [this, path] {
                     return lessons_.is_open() &&
                            lessons_.lesson()->id == std::filesystem::path(path).stem().string();
                   },
                   std::exchange(first, false)});
  }
}

void App::outline_views(const ViewContext& context) const {
  for (const std::string& title : lessons_.look_at()) {
    const ImGuiWindow* window = ImGui::FindWindowByName(title.c_str());
    if (window == nullptr || !window->Active || window->Hidden) continue;
    ImDrawList& list = *ImGui::GetForegroundDrawList();
    const float width = em() * 0.14f;
    list.AddRect(
        ImVec2(window->Pos.x + width, window->Pos.y + width),
        ImVec2(window->Pos.x + window->Size.x - width, window->Pos.y + window->Size.y - width),
        context.theme.selection, em() * 0.2f, width);
  }
}

// The lesson on the left, what it speaks of on the right, one below the other.
void App::presentation(ViewContext& context) {
  constexpr std::size_t kMostViews = 3;
  if (!lessons_.is_open()) {
    present(false);
    return;
  }
  const ImGuiViewport& viewport = *ImGui::GetMainViewport();
  const ImVec2 at = viewport.WorkPos;
  const ImVec2 room(viewport.WorkSize.x, viewport.WorkSize.y - status_bar_height());
  std::vector<std::string> shown = lessons_.look_at();
  std::erase(shown, titles::lesson);  // it stands on the left
  if (shown.empty()) shown = {titles::prompt, titles::answer};
  shown.resize(std::min(shown.size(), kMostViews));
  const float left = room.x * 0.42f;
  fixed_pane(std::string(titles::lesson) + "##presenting", at, ImVec2(left, room.y),
             [&] { views_.draw_content(titles::lesson, context); });
  // The answer is short: the room belongs to pictures.
  const auto share = [](const std::string& title) { return title == titles::answer ? 0.6f : 1.0f; };
  float total = 0, top = at.y;
  for (const std::string& title : shown) total += share(title);
  for (const std::string& title : shown) {
    const float height = room.y * share(title) / total;
    fixed_pane(title + "##presenting", ImVec2(at.x + left, top), ImVec2(room.x - left, height),
               [&] { views_.draw_content(title, context); });
    top += height;
  }
}

}  // namespace headscope
