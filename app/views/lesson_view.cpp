#include "app/views/lesson_view.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "app/views/markdown_text.h"

namespace headscope {
namespace {

constexpr const char* kNoValue = "...";  // until the run that a number belongs to is there

std::string without_order(const std::string& name) {
  const std::size_t at = name.find_first_not_of("0123456789");
  return at != std::string::npos && at > 0 && name[at] == '-' ? name.substr(at + 1) : name;
}

LessonPanel::Entry entry_of(LessonFile file) {
  LessonPanel::Entry entry;
  entry.path = std::move(file.path);
  if (!file.lesson) {
    entry.problem = file.lesson.error().message;
    return entry;
  }
  entry.lesson = std::move(*file.lesson);
  auto scenes = scenes_of(entry.lesson);
  if (scenes) {
    entry.scenes = std::move(*scenes);
  } else {
    entry.problem = scenes.error().message;
  }
  return entry;
}

std::string live_text(const AppState& state, const LiveValue& value) {
  const RunResult* run = value.intervened ? state.intervened() : state.baseline();
  const InterventionSettings& settings = state.request.intervention;
  const bool current = run != nullptr && state.prompt_is_current() &&
                       (!value.intervened || settings.is_identity() || run->settings == settings);
  if (!current) return kNoValue;
  if (value.kind == LiveValue::Kind::answer) {
    const std::size_t first = run->response_text.find_first_not_of(" \n");
    return first == std::string::npos ? "(no answer)" : run->response_text.substr(first);
  }
  const MapScore score = value.kind == LiveValue::Kind::relevant ? MapScore::relevant
                         : value.kind == LiveValue::Kind::sink   ? MapScore::sink
                                                                 : MapScore::irrelevant_sum;
  const std::vector<float>& values = score_values(run->scores, score);
  const bool there = value.head.layer < run->scores.layers && value.head.head < run->scores.heads;
  const std::size_t index = there ? run->scores.index(value.head) : values.size();
  return index < values.size() ? format_mass(values[index]) : "-";
}

void figure_bar(const ViewContext& context, const LessonFigure& figure,
                const LessonFigure::Bar& bar, float label_width) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x, height = em() * 1.35f;
  const float left = label_width + em() * 0.5f;
  const float room = std::max(em(), width - left - em() * 3.2f);
  const auto x_of = [&](double value) {
    const double share = std::clamp(value / figure.most, 0.0, 1.0);
    return at.x + left + room * static_cast<float>(share);
  };
  draw_fitted_text(list, at, label_width, context.theme.text, bar.label);
  list.AddRectFilled(ImVec2(at.x + left, at.y + em() * 0.1f),
                     ImVec2(at.x + left + room, at.y + em()), context.theme.card);
  list.AddRectFilled(ImVec2(at.x + left, at.y + em() * 0.1f), ImVec2(x_of(bar.value), at.y + em()),
                     context.theme.accent);
  if (bar.low && bar.high) {
    const float y = at.y + em() * 0.55f;
    list.AddLine(ImVec2(x_of(*bar.low), y), ImVec2(x_of(*bar.high), y), context.theme.text,
                 em() * 0.1f);
    for (const double end : {*bar.low, *bar.high}) {
      list.AddLine(ImVec2(x_of(end), y - em() * 0.2f), ImVec2(x_of(end), y + em() * 0.2f),
                   context.theme.text, em() * 0.1f);
    }
  }
  list.AddText(ImVec2(at.x + left + room + em() * 0.4f, at.y), context.theme.text,
               format_mass(static_cast<float>(bar.value)).c_str());
  ImGui::Dummy(ImVec2(width, height));
}

void draw_figure(const ViewContext& context, const LessonFigure& figure) {
  ImGui::PushTextWrapPos(0);
  text_bold(context, figure.title);
  ImGui::PopTextWrapPos();
  float label_width = 0;
  for (const LessonFigure::Bar& bar : figure.bars)
    label_width = std::max(label_width, ImGui::CalcTextSize(bar.label.c_str()).x);
  label_width = std::min(label_width, ImGui::GetContentRegionAvail().x * 0.45f);
  for (const LessonFigure::Bar& bar : figure.bars) figure_bar(context, figure, bar, label_width);
  if (figure.caption.empty()) return;
  ImGui::PushTextWrapPos(0);
  text_muted(context, figure.caption);
  ImGui::PopTextWrapPos();
}

}  // namespace

void LessonPanel::configure(std::vector<std::filesystem::path> folders) {
  folders_ = std::move(folders);
  entries_.clear();
  close();
  for (LessonFile& file : read_lessons(folders_)) entries_.push_back(entry_of(std::move(file)));
}

void LessonPanel::reload(AppState& state) {
  const std::string name = is_open() ? entry().path.string() : std::string();
  const std::size_t step = step_;
  configure(folders_);
  if (name.empty()) return;
  if (const Result<> opened = open(state, name); !opened) {
    state.notify(Notice::Kind::error, opened.error().message);
    return;
  }
  show_step(state, std::min(step, entry().lesson.steps.size() - 1));
}

int LessonPanel::find(const std::string& name) const {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const std::string own = entries_[i].name();
    if (own == name || without_order(own) == name || entries_[i].path == name)
      return static_cast<int>(i);
  }
  return -1;
}

// Opens it at its first step; the window's state stays.
Result<> LessonPanel::take_up(const std::string& name) {
  int index = find(name);
  std::error_code ignored;
  if (index < 0 && std::filesystem::is_regular_file(name, ignored)) {
    entries_.push_back(entry_of({name, read_lesson(name)}));
    index = static_cast<int>(entries_.size()) - 1;
  }
  if (index < 0) {
    std::string names;
    for (const Entry& entry : entries_)
      names += (names.empty() ? "" : ", ") + without_order(entry.name());
    return bad_input("there is no lesson \"" + name + "\"; there are: " +
                     (names.empty() ? "none" : names) + ". A path to a .md file works too.");
  }
  const Entry& chosen = entries_[static_cast<std::size_t>(index)];
  if (!chosen.problem.empty()) return bad_input(chosen.problem);
  open_ = index;
  answers_.assign(chosen.lesson.steps.size(), {});
  step_ = 0;
  to_top_ = true;
  ++version_;
  return {};
}

Result<> LessonPanel::open(AppState& state, const std::string& name) {
  HEADSCOPE_TRY(take_up(name));
  apply(state);
  return {};
}

std::optional<LessonPlace> LessonPanel::place() const {
  if (!is_open()) return std::nullopt;
  const std::string name = entry().name();
  return LessonPlace{find(name) == open_ ? name : entry().path.string(), step_, answers_};
}

Result<> LessonPanel::resume(const LessonPlace& place) {
  HEADSCOPE_TRY(take_up(place.name));
  step_ = std::min(place.step, answers_.size() - 1);
  std::copy_n(place.answers.begin(), std::min(place.answers.size(), answers_.size()),
              answers_.begin());
  return {};
}

void LessonPanel::close() {
  open_ = -1;
  step_ = 0;
  answers_.clear();
  ++version_;
}

bool LessonPanel::can_move(int by) const {
  if (!is_open()) return false;
  return by < 0 ? step_ > 0 : step_ + 1 < entry().lesson.steps.size();
}

void LessonPanel::move(AppState& state, int by) {
  if (can_move(by)) show_step(state, by < 0 ? step_ - 1 : step_ + 1);
}

void LessonPanel::show_step(AppState& state, std::size_t step) {
  step_ = step;
  to_top_ = true;
  ++version_;
  apply(state);
}

void LessonPanel::reset_step(AppState& state) {
  if (!is_open()) return;
  answer() = {};
  ++version_;
  apply(state);
}

const LessonQuestion* LessonPanel::open_question() const {
  return is_open() && !answer().revealed ? current().question() : nullptr;
}

void LessonPanel::choose(std::size_t index) {
  const LessonQuestion* question = open_question();
  if (question == nullptr || index >= question->choices.size()) return;
  answer().chosen = static_cast<int>(index);
  ++version_;
}

void LessonPanel::reveal(AppState& state) {
  if (open_question() == nullptr) return;
  answer().revealed = true;
  ++version_;
  apply(state);
}

const LessonScene& LessonPanel::scene() const {
  const LessonScenes& scenes = entry().scenes[step_];
  return answer().revealed ? scenes.revealed : scenes.entered;
}

void LessonPanel::apply(AppState& state) {
  show_scene(scene(), state);
}

const std::vector<std::string>& LessonPanel::look_at() const {
  static const std::vector<std::string> nothing;
  return is_open() ? scene().look_at : nothing;
}

void LessonPanel::draw(ViewContext& context, bool large) {
  if (!is_open()) {
    list(context);
    return;
  }
  header(context);
  if (!is_open()) return;
  const float below =
      ImGui::GetFrameHeightWithSpacing() + 2 * ImGui::GetStyle().ItemSpacing.y + em() * 0.2f;
  if (std::exchange(to_top_, false)) ImGui::SetNextWindowScroll(ImVec2(0, 0));
  if (ImGui::BeginChild("step", ImVec2(0, -below))) body(context, large);
  ImGui::EndChild();
  buttons(context, large);
}

void LessonPanel::list(ViewContext& context) {
  if (entries_.empty()) {
    empty_note(context, "No lessons were found",
               folders_.empty() ? std::string() : "Looked in " + folders_.front().string());
    return;
  }
  if (ImGui::BeginChild("lessons")) {
    for (std::size_t i = 0; i < entries_.size(); ++i)
      list_entry(context, entries_[i], static_cast<int>(i));
    ImGui::PushTextWrapPos(0);
    if (folders_.size() > 1)
      text_muted(context, "Your own lessons: Markdown files in " + folders_.back().string());
    ImGui::PopTextWrapPos();
  }
  ImGui::EndChild();
}

void LessonPanel::list_entry(ViewContext& context, const Entry& entry, int index) {
  ImGui::PushID(index);
  const bool good = entry.problem.empty();
  const std::string name = without_order(entry.name());
  ImGui::PushFont(context.fonts.bold, 0.0f);
  ImGui::BeginDisabled(!good);
  const std::string label = (good ? entry.lesson.title : name) + "###" + name;
  // It would reach into the spacing beside it, which is outside of the list.
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, ImVec2(0, ImGui::GetStyle().ItemSpacing.y));
  const bool chosen = ImGui::Selectable(label.c_str());
  ImGui::PopStyleVar();
  ImGui::EndDisabled();
  ImGui::PopFont();
  ImGui::PushTextWrapPos(0);
  if (good) {
    text_muted(context, entry.lesson.summary + " " + std::to_string(entry.lesson.minutes) + " min");
  } else {
    text_colored(context.theme.bad, "Cannot be opened: " + entry.problem);
  }
  ImGui::PopTextWrapPos();
  ImGui::Dummy(ImVec2(0, em() * 0.4f));
  ImGui::PopID();
  if (!chosen) return;
  if (const Result<> opened = open(context.state, entry.path.string()); !opened)
    context.state.notify(Notice::Kind::error, opened.error().message);
}

void LessonPanel::header(ViewContext& context) {
  const Lesson& lesson = entry().lesson;
  const char* back = "All lessons";
  const float width = ImGui::CalcTextSize(back).x + em();
  draw_fitted_text(*ImGui::GetWindowDrawList(),
                   ImVec2(ImGui::GetCursorScreenPos().x,
                          ImGui::GetCursorScreenPos().y + ImGui::GetStyle().FramePadding.y),
                   ImGui::GetContentRegionAvail().x - width - em() * 0.5f, context.theme.muted,
                   lesson.title);
  ImGui::Dummy(ImVec2(0, ImGui::GetFrameHeight()));
  same_line_right(width);
  command_button(context, "lesson.close", back);
  if (is_open()) dots(context);
}

// A dot for every step: filled where one is, a ring elsewhere; a click goes there.
void LessonPanel::dots(ViewContext& context) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const std::size_t count = entry().lesson.steps.size();
  const float room = ImGui::GetContentRegionAvail().x - em() * 3.5f;
  const float pitch = std::min(em() * 1.1f, room / static_cast<float>(count));
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const std::size_t shown = step_;
  for (std::size_t i = 0; i < count; ++i) {
    const ImVec2 center(at.x + pitch * (static_cast<float>(i) + 0.5f), at.y + em() * 0.6f);
    ImGui::SetCursorScreenPos(ImVec2(center.x - pitch * 0.5f, at.y));
    ImGui::PushID(static_cast<int>(i));
    if (ImGui::InvisibleButton("dot", ImVec2(pitch, em() * 1.2f), ImGuiButtonFlags_EnableNav))
      show_step(context.state, i);
    ImGui::SetItemTooltip("%zu. %s", i + 1, entry().lesson.steps[i].title.c_str());
    ImGui::PopID();
    const float radius = pitch * (i == shown ? 0.38f : 0.26f);
    if (i <= shown) {
      list.AddCircleFilled(center, radius, i == shown ? context.theme.accent : context.theme.muted);
    } else {
      list.AddCircle(center, radius, context.theme.muted, 0, em() * 0.08f);
    }
  }
  const std::string text = std::to_string(step_ + 1) + " of " + std::to_string(count);
  list.AddText(ImVec2(at.x + pitch * static_cast<float>(count) + em() * 0.4f, at.y),
               context.theme.muted, text.c_str());
  ImGui::SetCursorScreenPos(at);
  ImGui::Dummy(ImVec2(ImGui::GetContentRegionAvail().x, em() * 1.5f));
}

void LessonPanel::body(ViewContext& context, bool large) {
  const LessonStep& step = current();
  ImGui::PushFont(context.fonts.bold, ImGui::GetStyle().FontSizeBase * (large ? 1.35f : 1.15f));
  ImGui::PushTextWrapPos(0);
  ImGui::TextUnformatted(step.title.c_str());
  ImGui::PopTextWrapPos();
  ImGui::PopFont();
  const LiveText live = [&](const LiveValue& value) { return live_text(context.state, value); };
  for (const LessonPart& part : step.parts) {
    ImGui::Dummy(ImVec2(0, em() * 0.3f));
    if (const auto* text = std::get_if<Markdown>(&part)) {
      markdown_text(context, *text, live);
    } else if (const auto* figure = std::get_if<LessonFigure>(&part)) {
      draw_figure(context, *figure);
    } else {
      question(context, std::get<LessonQuestion>(part));
      // What follows a question tells its answer.
      if (!answer().revealed) break;
    }
  }
  if (!large) views_line(context);  // presenting shows them at once
}

// The views that the step speaks of, as buttons that bring them to the front.
void LessonPanel::views_line(ViewContext& context) {
  const std::vector<std::string>& titles = look_at();
  if (titles.empty()) return;
  ImGui::Dummy(ImVec2(0, em() * 0.3f));
  text_muted(context, "Look at");
  for (const std::string& title : titles) {
    const float width = ImGui::CalcTextSize(title.c_str()).x + em() * 1.2f;
    ImGui::SameLine(0, em() * 0.4f);
    if (ImGui::GetContentRegionAvail().x < width) ImGui::NewLine();
    if (ImGui::SmallButton(title.c_str())) context.state.view_to_show = title;
  }
}

void LessonPanel::question(ViewContext& context, const LessonQuestion& question) {
  const LiveText live = [&](const LiveValue& value) { return live_text(context.state, value); };
  ImGui::Separator();
  text_colored(context.theme.accent, "What do you expect?");
  markdown_text(context, question.text, live);
  for (std::size_t i = 0; i < question.choices.size(); ++i) choice(context, question, i);
  const LessonAnswer& given = answer();
  if (!given.revealed) {
    command_button(context, "lesson.reveal", "Reveal");
    ImGui::SameLine();
    const std::string keys = "keys 1 to " + std::to_string(question.choices.size());
    text_muted(context, given.chosen < 0 ? "choose: click, or " + keys : "or key R");
    return;
  }
  ImGui::Dummy(ImVec2(0, em() * 0.2f));
  if (given.chosen >= 0) answer_mark(context, given.chosen == static_cast<int>(question.right));
  markdown_text(context, question.explanation, live);
}

void LessonPanel::choice(ViewContext& context, const LessonQuestion& question, std::size_t index) {
  const LessonAnswer& given = answer();
  const LiveText live = [&](const LiveValue& value) { return live_text(context.state, value); };
  ImGui::PushID(static_cast<int>(index));
  ImGui::BeginDisabled(given.revealed);
  if (ImGui::RadioButton("##choice", given.chosen == static_cast<int>(index))) choose(index);
  ImGui::EndDisabled();
  ImGui::SameLine(0, em() * 0.4f);
  text_muted(context, std::to_string(index + 1));
  ImGui::SameLine(0, em() * 0.5f);
  ImGui::BeginGroup();
  const ImVec2 at = ImGui::GetCursorScreenPos();
  markdown_text(context, question.choices[index], live);
  if (!given.revealed && ImGui::IsItemClicked()) choose(index);
  ImGui::EndGroup();
  if (given.revealed && index == question.right) {
    const ImVec2 max = ImGui::GetItemRectMax();
    ImGui::GetWindowDrawList()->AddRect(ImVec2(at.x - em() * 0.3f, at.y - em() * 0.15f), max,
                                        context.theme.good, em() * 0.2f, em() * 0.12f);
  }
  ImGui::PopID();
}

void LessonPanel::buttons(ViewContext& context, bool large) {
  ImGui::Separator();
  command_button(context, "lesson.back", "Back");
  ImGui::SameLine();
  command_button(context, "lesson.next", "Next");
  ImGui::SameLine();
  command_button(context, "lesson.reset", "Reset step");
  ImGui::SameLine();
  command_button(context, "lesson.present", large ? "End" : "Present");
}

}  // namespace headscope
