#include "app/views/difference_view.h"

#include <algorithm>
#include <cmath>

#include "app/shell/layout.h"
#include "app/views/candidates_view.h"
#include "core/engine/steps.h"

namespace headscope {
namespace {

constexpr float kPad = 0.15f;      // beside a token's text, in font heights
constexpr float kAlignedRows = 2;  // rows of pairs that are seen without scrolling

float line_height() {
  return std::round(em() * 1.35f);
}

const std::string* token_text(const RunResult& run, std::int64_t token) {
  if (token < 0 || token >= std::ssize(run.response)) return nullptr;
  return &run.response[static_cast<std::size_t>(token)].text;
}

bool has_nan(const std::vector<float>& values) {
  return std::any_of(values.begin(), values.end(), [](float v) { return std::isnan(v); });
}

// Width of a pair: of the longer text; a gap has some too.
float cell_width(const std::string* before, const std::string* after) {
  const auto width_of = [](const std::string* text) {
    return text ? ImGui::CalcTextSize(shown_token(*text).c_str()).x : em() * 0.8f;
  };
  return std::max({width_of(before), width_of(after), em() * 0.5f}) + 2 * kPad * em();
}

// What heads are ranked by: the head map's metric where runs have it, else the mass on the gold
// document, else that on all documents.
MapScore score_of(const AppState& state, const char*& name) {
  const auto usable = [&](MapScore score) {
    const bool mass = score == MapScore::relevant || score == MapScore::sink ||
                      score == MapScore::irrelevant_sum || score == MapScore::irrelevant_max;
    const auto& values = score_values(state.baseline()->scores, score);
    return mass && !values.empty() && !has_nan(values);
  };
  const MapScore wanted = state.view.score;
  const MapScore score = usable(wanted)               ? wanted
                         : usable(MapScore::relevant) ? MapScore::relevant
                                                      : MapScore::irrelevant_sum;
  name = score == MapScore::relevant                    ? "gold document"
         : score == MapScore::sink                      ? "sink"
         : score == MapScore::irrelevant_max            ? "largest other document"
         : state.snapshot->prompt->gold_document() >= 0 ? "other documents"
                                                        : "documents";
  return score;
}

// A bar to the right for more, to the left for less, from the middle of the width.
void change_bar(const ViewContext& context, ImVec2 at, float width, float change, float largest) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float height = line_height(), middle = at.x + width * 0.5f;
  const float length =
      largest > 0 ? std::clamp(change / largest, -1.0f, 1.0f) * width * 0.5f : 0.0f;
  list.AddLine(ImVec2(middle, at.y), ImVec2(middle, at.y + height), context.theme.line);
  if (std::abs(length) < 0.5f) return;
  const Rgb color = palette_color(context.theme.diverging, change > 0 ? 0.85f : 0.15f);
  list.AddRectFilled(ImVec2(std::min(middle, middle + length), at.y + height * 0.2f),
                     ImVec2(std::max(middle, middle + length), at.y + height * 0.8f),
                     ImGui::ColorConvertFloat4ToU32(ImVec4(color.r, color.g, color.b, 1)));
}

void right_text(ImVec2 right, ImU32 color, const std::string& text) {
  const float width = ImGui::CalcTextSize(text.c_str()).x;
  ImGui::GetWindowDrawList()->AddText(
      ImVec2(right.x - width, right.y + (line_height() - em()) * 0.5f), color, text.c_str());
}

void document_line(ViewContext& context, const DocumentChange& line, float largest) {
  const Theme& theme = context.theme;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x, height = line_height();
  const float number = ImGui::CalcTextSize("+0.000").x, gap = em() * 0.5f;
  const float label = std::min(width * 0.42f, em() * 11);
  ImGui::PushID(line.label.c_str());
  ImGui::InvisibleButton("##line", ImVec2(width, height), ImGuiButtonFlags_EnableNav);
  ImGui::PopID();
  ImDrawList& list = *ImGui::GetWindowDrawList();
  if (ImGui::IsItemHovered())
    list.AddRectFilled(at, ImVec2(at.x + width, at.y + height), theme.card_hover);
  if (line.gold) {
    list.AddRectFilled(ImVec2(at.x, at.y + 2), ImVec2(at.x + em() * 0.2f, at.y + height - 2),
                       theme.gold);
  }
  draw_fitted_text(list, ImVec2(at.x + em() * 0.4f, at.y + (height - em()) * 0.5f),
                   label - em() * 0.6f, line.document < 0 ? theme.muted : theme.text, line.label);
  change_bar(context, ImVec2(at.x + label, at.y), width - label - number - gap, line.change(),
             largest);
  right_text(ImVec2(at.x + width, at.y), theme.text, format_delta(line.change()));
  ImGui::SetItemTooltip("%s\nbaseline    %s\nintervened  %s\nchange      %s", line.label.c_str(),
                        format_mass(line.before).c_str(), format_mass(line.after).c_str(),
                        format_delta(line.change()).c_str());
}

void number_cell(const std::string& text) {
  ImGui::TableNextColumn();
  const float width = ImGui::CalcTextSize(text.c_str()).x;
  ImGui::SetCursorPosX(ImGui::GetCursorPosX() +
                       std::max(0.0f, ImGui::GetContentRegionAvail().x - width));
  ImGui::TextUnformatted(text.c_str());
}

std::string moved_places(int up) {
  return up == 0 ? "-" : (up > 0 ? "up " : "down ") + std::to_string(std::abs(up));
}

}  // namespace

std::vector<DocumentChange> document_changes(const PromptView& prompt, const DocumentMass& before,
                                             const DocumentMass& after) {
  std::vector<DocumentChange> lines;
  const std::size_t count =
      std::min({prompt.documents.size(), before.documents.size(), after.documents.size()});
  for (std::size_t i = 0; i < count; ++i) {
    const DocumentView& document = prompt.documents[i];
    const std::string title = document.title.empty() ? "" : " " + document.title;
    lines.push_back({std::to_string(document.number) + title, static_cast<int>(i), document.gold,
                     before.documents[i], after.documents[i]});
  }
  std::stable_sort(
      lines.begin(), lines.end(),
      [](const DocumentChange& a, const DocumentChange& b) { return a.change() > b.change(); });
  lines.push_back({"sink", -1, false, before.sink, after.sink});
  lines.push_back({"rest", -1, false, before.rest, after.rest});
  return lines;
}

void DifferenceView::update_moves(const AppState& state) {
  const MapScore score = score_of(state, score_name_);
  const bool same_runs =
      before_ == state.snapshot->baseline && after_ == state.snapshot->intervened;
  if (same_runs && score_ == score && sorted_by_places_ == by_places_) return;
  before_ = state.snapshot->baseline;
  after_ = state.snapshot->intervened;
  score_ = score;
  sorted_by_places_ = by_places_;
  moves_ = head_moves(score_values(before_->scores, score), score_values(after_->scores, score),
                      before_->layers, before_->heads);
  if (!by_places_) return;
  std::stable_sort(moves_.begin(), moves_.end(), [](const HeadMove& a, const HeadMove& b) {
    return std::abs(a.up()) > std::abs(b.up());
  });
}

void DifferenceView::toolbar(ViewContext& context) {
  AppState& state = context.state;
  const bool both = state.intervened() != nullptr && state.intervened() != state.baseline();
  ImGui::AlignTextToFramePadding();
  const std::string summary = both ? state.aligned().summary() : "Responses";
  const float map = ImGui::CalcTextSize("Signed map").x + 2 * ImGui::GetStyle().FramePadding.x;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  token_stepper(context);
  ImGui::SameLine(0, em() * 0.8f);
  const float room = ImGui::GetContentRegionAvail().x - map - em();
  const ImVec2 text = ImGui::GetCursorScreenPos();
  draw_fitted_text(*ImGui::GetWindowDrawList(),
                   ImVec2(text.x, at.y + ImGui::GetStyle().FramePadding.y), room,
                   context.theme.muted, summary);
  ImGui::Dummy(ImVec2(std::max(room, 1.0f), ImGui::GetFrameHeight()));
  ImGui::SetItemTooltip("%s", summary.c_str());
  same_line_right(map);
  if (ImGui::Button("Signed map")) {
    state.view.map_source = MapSource::difference;
    state.view_to_show = titles::attention;
  }
  ImGui::SetItemTooltip("The attention map of %s: intervened less baseline",
                        format_head(state.request.selected).c_str());
}

float DifferenceView::pair_cell(ViewContext& context, const AlignedPair& pair, std::size_t index,
                                ImVec2 at) {
  AppState& state = context.state;
  const Theme& theme = context.theme;
  const std::string* before = token_text(*state.baseline(), pair.before);
  const std::string* after = token_text(*state.intervened(), pair.after);
  const float height = line_height(), pad = kPad * em();
  const float width = cell_width(before, after);
  ImGui::SetCursorScreenPos(at);
  ImGui::PushID(static_cast<int>(index));
  const bool of_baseline = pair.after < 0;
  const std::int64_t token = of_baseline ? pair.before : pair.after;
  if (ImGui::InvisibleButton("pair", ImVec2(width, 2 * height), ImGuiButtonFlags_EnableNav)) {
    state.choose_token(of_baseline, static_cast<std::size_t>(token));
  }
  ImGui::PopID();
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const auto line = [&](const std::string* text, ImU32 color, float y) {
    const ImVec2 from(at.x + 1, y), to(at.x + width - 1, y + height - 1);
    if (text == nullptr) {  // a gap: hatched by a dash, never by colour alone
      list.AddLine(ImVec2(from.x + pad, (from.y + to.y) * 0.5f),
                   ImVec2(to.x - pad, (from.y + to.y) * 0.5f), theme.line, em() * 0.1f);
      return;
    }
    if (pair.kind != EditKind::kept) list.AddRectFilled(from, to, with_alpha(color, 0.28f));
    list.AddText(ImVec2(at.x + pad, y + (height - em()) * 0.5f),
                 pair.kind == EditKind::kept ? theme.muted : theme.text,
                 shown_token(*text).c_str());
  };
  line(before, theme.baseline, at.y);
  line(after, theme.accent, at.y + height);
  const ImVec2 end(at.x + width, at.y + 2 * height);
  const bool diverges = state.aligned().first_change() == index;
  if (diverges) {  // a bar before it
    list.AddRectFilled(ImVec2(at.x - em() * 0.08f, at.y), ImVec2(at.x + em() * 0.1f, end.y),
                       theme.selection);
  }
  const bool chosen = token == static_cast<std::int64_t>(state.candidates.token);
  if (chosen || ImGui::IsItemHovered())
    list.AddRect(at, end, chosen ? theme.selection : theme.muted);
  if (ImGui::IsItemHovered()) {
    ImGui::SetTooltip("token %s: %s%s", std::to_string(token + 1).c_str(),
                      state.aligned().explain(pair).c_str(), diverges ? "\nfirst divergence" : "");
  }
  return width;
}

void DifferenceView::responses(ViewContext& context) {
  AppState& state = context.state;
  const float height = line_height(), gap = em() * 0.35f;
  const float block = 2 * height + gap;
  const ImVec2 from = ImGui::GetCursorScreenPos();
  ImDrawList& outer = *ImGui::GetWindowDrawList();
  const float label = em() * 0.7f;
  if (ImGui::BeginChild("aligned", ImVec2(0, kAlignedRows * block))) {
    const ImVec2 origin = ImGui::GetCursorScreenPos();
    const float right = origin.x + ImGui::GetContentRegionAvail().x;
    if (state.intervened() == nullptr || state.intervened() == state.baseline()) {
      text_muted(context, state.intervened() == nullptr
                              ? "Computing the intervened response ..."
                              : "Nothing is done: move a slider, or choose heads.");
    } else if (!state.aligned().first_change()) {
      text_muted(context, "The responses are equal, token by token.");
    }
    ImDrawList& list = *ImGui::GetWindowDrawList();
    ImVec2 at(origin.x + label, origin.y);
    const auto bars = [&] {
      list.AddRectFilled(ImVec2(origin.x, at.y + 2),
                         ImVec2(origin.x + em() * 0.3f, at.y + height - 2), context.theme.baseline);
      list.AddRectFilled(ImVec2(origin.x, at.y + height + 1),
                         ImVec2(origin.x + em() * 0.3f, at.y + 2 * height - 3),
                         context.theme.accent);
    };
    const auto& pairs = state.aligned().pairs();
    const bool changed = state.aligned().first_change().has_value();
    if (changed) bars();
    for (std::size_t i = 0; changed && i < pairs.size(); ++i) {
      const float wanted = cell_width(token_text(*state.baseline(), pairs[i].before),
                                      token_text(*state.intervened(), pairs[i].after));
      if (at.x + wanted > right && at.x > origin.x + label) {
        at = ImVec2(origin.x + label, at.y + block);
        bars();
      }
      at.x += pair_cell(context, pairs[i], i, at);
    }
    ImGui::SetCursorScreenPos(ImVec2(origin.x, at.y + (changed ? 2 * height : height)));
    ImGui::Dummy(ImVec2(1, 1));
  }
  ImGui::EndChild();
  outer.AddLine(
      ImVec2(from.x, from.y + kAlignedRows * block + 1),
      ImVec2(from.x + ImGui::GetContentRegionAvail().x, from.y + kAlignedRows * block + 1),
      context.theme.line);
  ImGui::Spacing();
}

void DifferenceView::documents(ViewContext& context) const {
  const AppState& state = context.state;
  const Snapshot& snapshot = *state.snapshot;
  std::vector<HeadId> heads =
      state.view.bars_of_selected ? std::vector{state.request.selected} : state.chosen();
  if (heads.empty()) heads = {state.request.selected};
  text_bold(context, "Documents");
  ImGui::SameLine(0, em() * 0.6f);
  const std::string of = heads.size() == 1 ? format_head(heads.front())
                                           : "mean of " + std::to_string(heads.size()) + " heads";
  const float room = std::max(ImGui::GetContentRegionAvail().x, 1.0f);
  draw_fitted_text(*ImGui::GetWindowDrawList(), ImGui::GetCursorScreenPos(), room,
                   context.theme.muted, of);
  ImGui::Dummy(ImVec2(std::min(room, ImGui::CalcTextSize(of.c_str()).x), em()));
  const auto before = state.mass_of(snapshot.baseline, heads),
             after = state.mass_of(snapshot.intervened, heads);
  if (!before || !after) return text_muted(context, "No attention was kept for these heads.");
  const auto lines = document_changes(*snapshot.prompt, *before, *after);
  std::vector<float> changes;
  for (const DocumentChange& line : lines) changes.push_back(line.change());
  const float largest = largest_magnitude(changes, 1e-3f);
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, ImVec2(ImGui::GetStyle().ItemSpacing.x, 0));
  if (ImGui::BeginChild("lines")) {
    for (const DocumentChange& line : lines) document_line(context, line, largest);
  }
  ImGui::EndChild();
  ImGui::PopStyleVar();
}

void DifferenceView::heads(ViewContext& context) {
  AppState& state = context.state;
  update_moves(state);
  text_bold(context, "Heads");
  ImGui::SameLine(0, em() * 0.6f);
  const float right = em() * 8.5f;
  draw_fitted_text(*ImGui::GetWindowDrawList(), ImGui::GetCursorScreenPos(),
                   ImGui::GetContentRegionAvail().x - right, context.theme.muted,
                   std::string("by mass on ") + score_name_);
  ImGui::Dummy(ImVec2(1, ImGui::GetTextLineHeight()));
  same_line_right(ImGui::CalcTextSize("Sort: change").x + 2 * ImGui::GetStyle().FramePadding.x);
  if (ImGui::SmallButton(by_places_ ? "Sort: places###sort" : "Sort: change###sort"))
    by_places_ = !by_places_;
  ImGui::SetItemTooltip("Sorted by the size of the change of %s",
                        by_places_ ? "the place in the ranking" : "the mass");
  if (moves_.empty()) return text_muted(context, "These runs have no such score.");
  const ImGuiTableFlags flags =
      ImGuiTableFlags_ScrollY | ImGuiTableFlags_RowBg | ImGuiTableFlags_SizingStretchProp;
  ImGui::PushStyleVar(ImGuiStyleVar_CellPadding,
                      ImVec2(em() * 0.2f, ImGui::GetStyle().CellPadding.y));
  const bool open = ImGui::BeginTable("moves", 5, flags);
  ImGui::PopStyleVar();
  if (!open) return;
  ImGui::TableSetupScrollFreeze(0, 1);
  const bool narrow = ImGui::GetContentRegionAvail().x < em() * 17;
  for (const char* name : {"Head", "Place", "", "Mass", "Change"}) {
    const bool left_out = narrow && std::string_view(name) == "Mass";
    ImGui::TableSetupColumn(name,
                            left_out ? ImGuiTableColumnFlags_Disabled : ImGuiTableColumnFlags_None);
  }
  ImGui::TableHeadersRow();
  ImGuiListClipper clipper;
  clipper.Begin(static_cast<int>(moves_.size()));
  while (clipper.Step()) {
    for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
      const HeadMove& move = moves_[static_cast<std::size_t>(i)];
      ImGui::TableNextRow();
      ImGui::TableNextColumn();
      const bool selected = state.request.selected == move.head;
      if (ImGui::Selectable(format_head(move.head).c_str(), selected,
                            ImGuiSelectableFlags_SpanAllColumns))
        state.select(move.head);
      ImGui::SetItemTooltip(
          "Select it: the attention map beside shows it. Double-click: its signed map.");
      if (ImGui::IsItemHovered() && ImGui::IsMouseDoubleClicked(ImGuiMouseButton_Left)) {
        state.view.map_source = MapSource::difference;
        state.view_to_show = titles::attention;
      }
      number_cell(std::to_string(move.rank_before + 1) + " > " +
                  std::to_string(move.rank_after + 1));
      number_cell(moved_places(move.up()));
      number_cell(format_mass(move.before));
      number_cell(format_delta(move.change()));
    }
  }
  ImGui::EndTable();
}

void DifferenceView::draw(ViewContext& context) {
  const Snapshot& snapshot = *context.state.snapshot;
  if (!snapshot.prompt || !snapshot.baseline) {
    const bool failed = snapshot.status.state == EngineStatus::State::failed;
    return empty_note(context, failed ? "Nothing to compare" : "What the intervention changes",
                      failed ? "The notice below says why."
                             : "Responses, documents and heads appear with the first run.");
  }
  toolbar(context);
  responses(context);
  const ImVec2 room = ImGui::GetContentRegionAvail();
  const float gap = em() * 0.8f, left = std::floor((room.x - gap) * 0.42f);
  if (room.y < em() * 2) return;
  const bool both = snapshot.intervened != nullptr;
  if (ImGui::BeginChild("documents", ImVec2(left, 0)) && both) documents(context);
  ImGui::EndChild();
  ImGui::SameLine(0, gap);
  if (ImGui::BeginChild("heads", ImVec2(0, 0)) && both) heads(context);
  ImGui::EndChild();
}

}  // namespace headscope
