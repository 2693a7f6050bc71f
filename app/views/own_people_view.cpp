#include "app/views/own_people_view.h"

#include <imgui_stdlib.h>

#include <algorithm>
#include <cctype>

namespace headscope {
namespace {

constexpr int kNamesakes = 5;  // that are added at once

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// Words that begin like what is typed, then those that hold it anywhere.
std::vector<std::string> matches(const std::vector<std::string>& known, const std::string& typed) {
  std::vector<std::string> first, then;
  const std::string wanted = lower(typed);
  for (const std::string& word : known) {
    const std::size_t at = lower(word).find(wanted);
    if (at == 0) first.push_back(word);
    if (at != 0 && at != std::string::npos) then.push_back(word);
  }
  first.insert(first.end(), then.begin(), then.end());
  return first;
}

std::vector<std::string> verb_words() {
  std::vector<std::string> words;
  for (const DemoVerb& verb : demo_words().verbs) words.push_back(verb.third);
  return words;
}

const std::vector<std::string>& objects_of(const std::string& verb) {
  static const std::vector<std::string> none;
  const DemoVerb* known = demo_words().verb(verb);
  return known != nullptr ? known->objects : none;
}

bool cross(const char* id) {
  ImGui::PushStyleColor(ImGuiCol_Button, 0);
  const bool pressed = ImGui::Button(id, ImVec2(em() * 1.5f, 0));
  ImGui::PopStyleColor();
  return pressed;
}

}  // namespace

// A closed list that can be typed into: Enter takes the first word that fits, and a word that the
// model does not have is refused with the reason.
bool OwnPeoplePanel::word_combo(const ViewContext& context, const char* id, std::string& word,
                                const std::vector<std::string>& known, float width) {
  ImGui::SetNextItemWidth(width);
  if (!ImGui::BeginCombo(id, word.c_str(), ImGuiComboFlags_HeightLarge)) return false;
  if (ImGui::IsWindowAppearing()) {
    filter_.clear();
    ImGui::SetKeyboardFocusHere();
  }
  ImGui::SetNextItemWidth(std::max(width, em() * 9));
  const bool entered = ImGui::InputTextWithHint("##filter", "type a word", &filter_,
                                                ImGuiInputTextFlags_EnterReturnsTrue);
  const std::vector<std::string> fitting = matches(known, filter_);
  std::string chosen;
  if (entered && !fitting.empty()) chosen = fitting.front();
  for (const std::string& candidate : fitting) {
    if (ImGui::Selectable(candidate.c_str(), candidate == word)) chosen = candidate;
  }
  if (fitting.empty()) {
    ImGui::PushTextWrapPos(ImGui::GetCursorPosX() + em() * 14);
    text_colored(context.theme.bad,
                 "\"" + filter_ + "\": the model has no such word. It would read \"unknown\".");
    ImGui::PopTextWrapPos();
  }
  if (!chosen.empty()) ImGui::CloseCurrentPopup();
  ImGui::EndCombo();
  if (chosen.empty() || chosen == word) return false;
  word = chosen;
  return true;
}

// One fact: whether it is asked for, its verb and its object. False: it was taken away.
bool OwnPeoplePanel::fact(ViewContext& context, std::size_t person, std::size_t index) {
  OwnFact& said = world_.people[person].facts[index];
  ImGui::PushID(static_cast<int>(index));
  const bool asked = world_.asked_person == static_cast<int>(person) &&
                     world_.asked_fact == static_cast<int>(index);
  if (ImGui::RadioButton("##ask", asked)) {
    world_.asked_person = static_cast<int>(person);
    world_.asked_fact = static_cast<int>(index);
  }
  ImGui::SetItemTooltip("Ask for this fact");
  ImGui::SameLine();
  const float gap = ImGui::GetStyle().ItemSpacing.x, close = em() * 1.5f;
  const float room = ImGui::GetContentRegionAvail().x - close - 2 * gap;
  if (word_combo(context, "##verb", said.verb, verb_words(), room * 0.45f))
    said.object = objects_of(said.verb).front();
  ImGui::SameLine();
  word_combo(context, "##object", said.object, objects_of(said.verb), room * 0.55f);
  ImGui::SameLine();
  const bool kept = !cross("x");
  ImGui::SetItemTooltip("Take this fact away");
  ImGui::PopID();
  return kept;
}

void OwnPeoplePanel::person(ViewContext& context, std::size_t index) {
  OwnPerson& who = world_.people[index];
  ImGui::PushID(static_cast<int>(index));
  ImGui::Separator();
  ImGui::AlignTextToFramePadding();
  text_muted(context, std::to_string(index + 1));
  ImGui::SameLine(em() * 2.2f);
  const float gap = ImGui::GetStyle().ItemSpacing.x, close = em() * 1.5f;
  const float room = ImGui::GetContentRegionAvail().x - close - 2 * gap;
  word_combo(context, "##first", who.first, demo_words().first_names, room * 0.5f);
  ImGui::SameLine();
  word_combo(context, "##last", who.last, demo_words().last_names, room * 0.5f);
  ImGui::SameLine();
  if (cross("x")) removed_ = static_cast<int>(index);
  ImGui::SetItemTooltip("Take this person away");
  for (std::size_t i = 0; i < who.facts.size();) {
    if (fact(context, index, i)) {
      ++i;
      continue;
    }
    who.facts.erase(who.facts.begin() + static_cast<std::ptrdiff_t>(i));
    if (world_.asked_person == static_cast<int>(index)) world_.asked_fact = 0;
  }
  const auto unused = [&](const DemoVerb& verb) {
    return std::none_of(who.facts.begin(), who.facts.end(),
                        [&](const OwnFact& f) { return demo_words().verb(f.verb) == &verb; });
  };
  const auto& verbs = demo_words().verbs;
  const auto free = std::find_if(verbs.begin(), verbs.end(), unused);
  if (free != verbs.end() && ImGui::SmallButton("+ fact"))
    who.facts.push_back({free->third, free->objects.front()});
  ImGui::PopID();
}

void OwnPeoplePanel::more_people() {
  const bool full = world_.people.size() >= own_most_people;
  ImGui::BeginDisabled(full);
  if (ImGui::Button("+ Person")) add_people(world_, 1, false);
  ImGui::SameLine();
  if (ImGui::Button("+ 5 namesakes")) add_people(world_, kNamesakes, true);
  ImGui::SetItemTooltip(
      "People with the last name of the person asked about,\nand other answers: distractors");
  ImGui::EndDisabled();
  ImGui::SameLine();
  if (ImGui::Button("Reset")) world_ = first_own_world();
}

void OwnPeoplePanel::use(ViewContext& context) {
  const Result<QaSample> sample = own_sample(world_);
  ImGui::PushTextWrapPos(0);
  if (sample) {
    ImGui::TextUnformatted((sample->question + "  " + sample->answers.front()).c_str());
  } else {
    text_colored(context.theme.bad, sample.error().message);
  }
  ImGui::PopTextWrapPos();
  ImGui::BeginDisabled(!sample);
  if (ImGui::Button("Read these documents") && sample) {
    AppState& state = context.state;
    if (state.request.model != "demo") state.choose_model("demo");
    state.book.samples.clear();
    state.show_sample(*sample);
  }
  ImGui::EndDisabled();
}

void OwnPeoplePanel::draw(ViewContext& context) {
  ImGui::PushTextWrapPos(0);
  text_muted(context,
             "A document each, in words that the embedded model can read: 64 first and 64 last "
             "names, 8 verbs with 16 things each. The dot marks what is asked for.");
  ImGui::PopTextWrapPos();
  const float below = 2 * ImGui::GetFrameHeightWithSpacing() + 2 * ImGui::GetTextLineHeight() +
                      2 * ImGui::GetStyle().ItemSpacing.y;
  removed_ = -1;
  if (ImGui::BeginChild("people", ImVec2(0, -below))) {
    for (std::size_t i = 0; i < world_.people.size(); ++i) person(context, i);
  }
  ImGui::EndChild();
  if (removed_ >= 0) {
    world_.people.erase(world_.people.begin() + removed_);
    if (world_.asked_person == removed_) world_.asked_person = world_.asked_fact = 0;
    if (world_.asked_person > removed_) --world_.asked_person;
  }
  more_people();
  use(context);
}

}  // namespace headscope
