#include "app/views/score_view.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "app/views/candidates_view.h"
#include "app/views/item_keys.h"

namespace headscope {
namespace {

struct Column {
  const char* name;
  const char* note;
  float KeyShift::*value;      // null: sorted by the key's position
  bool in_wide_views = false;  // alone
};

const Column columns[] = {
    {"Key", "Position, text and place of the key", nullptr},
    {"Doc", "Number of the key's document", nullptr, true},
    {"Before", "Attention weight in the unedited run", &KeyShift::before},
    {"After", "Attention weight in the intervened run", &KeyShift::after},
    {"q.k",
     "Base score, scale * q . k, of the intervened run. Scores count only beside each other: the "
     "same number added to all of them changes nothing.",
     &KeyShift::base},
    {"below", "What interventions on layers below changed in the base score", &KeyShift::moved_base,
     true},
    {"focus", "What focus directions add: alpha * scale * d . k", &KeyShift::focus},
    {"mass", "Logarithm of what methods that move mass multiply the weight by",
     &KeyShift::log_factor},
};

std::string signed_number(float value) {
  char text[32];
  std::snprintf(text, sizeof text, "%+.2f", static_cast<double>(value));
  return std::abs(value) < 0.005f ? "0" : text;
}

const TokenView* token_at(const PromptView& prompt, const RunResult& run, std::int64_t position) {
  if (position < 0) return nullptr;
  if (position < prompt.prompt_tokens()) return &prompt.tokens[static_cast<std::size_t>(position)];
  const auto index = static_cast<std::size_t>(position - prompt.prompt_tokens());
  return index < run.response.size() ? &run.response[index] : nullptr;
}

std::string key_text(const PromptView& prompt, const RunResult& run, std::int64_t key) {
  const TokenView* token = token_at(prompt, run, key);
  return std::to_string(key) + "  " + (token ? shown_token(token->text) : "?");
}

// A document's number, or what else the key belongs to.
std::string place_in_short(const PromptView& prompt, std::int64_t key) {
  for (const DocumentView& document : prompt.documents) {
    if (document.tokens.contains(key)) return std::to_string(document.number);
  }
  return key >= prompt.prompt_tokens() ? "resp." : key < 2 ? "sink" : "-";
}

// The query's token, of both runs where they differ: their rows are then not of the same text.
std::string query_text(const Snapshot& snapshot, std::int64_t row) {
  const TokenView* before = token_at(*snapshot.prompt, *snapshot.baseline, row);
  const TokenView* after =
      snapshot.intervened ? token_at(*snapshot.prompt, *snapshot.intervened, row) : before;
  const auto text = [](const TokenView* token) {
    return token ? shown_token(token->text) : std::string("(ended)");
  };
  const bool same = before != nullptr && after != nullptr && before->id == after->id;
  return "query " + text(after) + (same ? "" : ", in the baseline " + text(before));
}

void number_cell(const std::string& text, ImU32 color) {
  ImGui::TableNextColumn();
  const float width = ImGui::CalcTextSize(text.c_str()).x;
  ImGui::SetCursorPosX(ImGui::GetCursorPosX() +
                       std::max(0.0f, ImGui::GetContentRegionAvail().x - width));
  text_colored(color, text);
}

}  // namespace

std::int64_t ScoreView::wanted_row(const AppState& state) {
  const RunResult& run = *state.baseline();
  if (typed_row_ >= 0 && token_ != state.candidates.token) typed_row_ = -1;
  const auto last =
      std::max(run.keys, state.intervened() ? state.intervened()->keys : run.keys) - 1;
  if (typed_row_ >= 0) return std::min(typed_row_, last);
  return std::clamp<std::int64_t>(
      run.rows.begin + static_cast<std::int64_t>(state.candidates.token), 0, last);
}

void ScoreView::toolbar(ViewContext& context, std::int64_t row) {
  AppState& state = context.state;
  ImGui::AlignTextToFramePadding();
  text_bold(context, format_head(state.request.selected));
  ImGui::SameLine(0, em() * 0.6f);
  token_stepper(context);
  ImGui::SameLine(0, em() * 0.6f);
  int position = static_cast<int>(row);
  ImGui::SetNextItemWidth(em() * 4.5f);
  if (ImGui::InputInt("##row", &position, 0)) {
    typed_row_ = std::max(position, 0);
    token_ = state.candidates.token;
  }
  ImGui::SetItemTooltip(
      "Position of the query: any token of the prompt or the response. The arrows go through the "
      "response.");
  ImGui::SameLine();
  const ImVec2 at = ImGui::GetCursorScreenPos();
  draw_fitted_text(
      *ImGui::GetWindowDrawList(), ImVec2(at.x, at.y + ImGui::GetStyle().FramePadding.y),
      ImGui::GetContentRegionAvail().x, context.theme.muted, query_text(*state.snapshot, row));
  ImGui::Dummy(ImVec2(1, ImGui::GetFrameHeight()));
}

void ScoreView::update(const std::shared_ptr<const ScoreSplit>& split) {
  if (split_ == split) return;
  split_ = split;
  keys_.clear();
  unsorted_ = true;
  if (split && split->baseline && split->intervened)
    keys_ = key_shifts(*split->baseline, *split->intervened);
}

void ScoreView::sort(ImGuiTableSortSpecs& specs) {
  if (!specs.SpecsDirty && !unsorted_) return;
  specs.SpecsDirty = unsorted_ = false;
  if (specs.SpecsCount == 0) return;
  const ImGuiTableColumnSortSpecs& by = specs.Specs[0];
  const Column& column = columns[by.ColumnIndex];
  const bool ascending = by.SortDirection == ImGuiSortDirection_Ascending;
  std::stable_sort(keys_.begin(), keys_.end(), [&](const KeyShift& a, const KeyShift& b) {
    if (column.value == nullptr) return ascending ? a.key < b.key : a.key > b.key;
    return ascending ? a.*column.value < b.*column.value : a.*column.value > b.*column.value;
  });
}

void ScoreView::key_row(ViewContext& context, const KeyShift& key) const {
  const Snapshot& snapshot = *context.state.snapshot;
  const Theme& theme = context.theme;
  const PromptView& prompt = *snapshot.prompt;
  ImGui::TableNextRow();
  ImGui::TableNextColumn();
  const std::string text = key_text(prompt, *split_->after, key.key);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x;
  const bool relevant = std::any_of(prompt.documents.begin(), prompt.documents.end(),
                                    [&](const DocumentView& document) {
                                      return document.gold && document.tokens.contains(key.key);
                                    });
  if (relevant) {
    ImGui::GetWindowDrawList()->AddRectFilled(ImVec2(at.x - em() * 0.3f, at.y),
                                              ImVec2(at.x - em() * 0.12f, at.y + em()), theme.gold);
  }
  ImGui::PushID(static_cast<int>(key.key));
  ImGui::InvisibleButton("key", ImVec2(std::max(width, 1.0f), ImGui::GetTextLineHeight()),
                         ImGuiButtonFlags_EnableNav);
  ImGui::PopID();
  ImGui::SetItemTooltip("%s\n%s", text.c_str(), place_of(prompt, key.key).c_str());
  draw_fitted_text(*ImGui::GetWindowDrawList(), at, width, theme.text, text);
  number_cell(place_in_short(prompt, key.key), theme.muted);
  number_cell(format_weight(key.before), theme.muted);
  number_cell(format_weight(key.after), theme.text);
  number_cell(signed_number(key.base), theme.muted);
  for (const float part : {key.moved_base, key.focus, key.log_factor})
    number_cell(signed_number(part), std::abs(part) < 0.005f ? theme.muted : theme.text);
}

void ScoreView::table(ViewContext& context) {
  const ImGuiTableFlags flags = ImGuiTableFlags_ScrollY | ImGuiTableFlags_RowBg |
                                ImGuiTableFlags_Sortable | ImGuiTableFlags_SizingStretchProp;
  constexpr int count = static_cast<int>(std::size(columns));
  ImGui::PushStyleVar(ImGuiStyleVar_CellPadding,
                      ImVec2(em() * 0.2f, ImGui::GetStyle().CellPadding.y));
  const bool open = ImGui::BeginTable("keys", count, flags);
  ImGui::PopStyleVar();
  if (!open) return;
  ImGui::TableSetupScrollFreeze(0, 1);
  const bool narrow = ImGui::GetContentRegionAvail().x < em() * 28;
  for (const Column& column : columns) {
    const bool left_out = narrow && column.in_wide_views;
    const bool first = &column == columns, is_default = column.value == &KeyShift::after;
    ImGui::TableSetupColumn(
        column.name,
        ImGuiTableColumnFlags_WidthStretch | ImGuiTableColumnFlags_PreferSortDescending |
            (is_default ? ImGuiTableColumnFlags_DefaultSort : ImGuiTableColumnFlags_None) |
            (left_out ? ImGuiTableColumnFlags_Disabled : ImGuiTableColumnFlags_None),
        first                     ? 1.6f
        : column.value == nullptr ? 0.7f
                                  : 1.0f);
  }
  ImGui::TableNextRow(ImGuiTableRowFlags_Headers);
  for (int i = 0; i < count; ++i) {
    if (!ImGui::TableSetColumnIndex(i)) continue;  // left out
    put_into_tab_order();
    ImGui::TableHeader(columns[i].name);
    ImGui::SetItemTooltip("%s", columns[i].note);
  }
  if (ImGuiTableSortSpecs* specs = ImGui::TableGetSortSpecs()) sort(*specs);
  ImGuiListClipper clipper;
  clipper.Begin(static_cast<int>(keys_.size()));
  while (clipper.Step()) {
    for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i)
      key_row(context, keys_[static_cast<std::size_t>(i)]);
  }
  ImGui::EndTable();
}

void ScoreView::draw(ViewContext& context) {
  AppState& state = context.state;
  const Snapshot& snapshot = *state.snapshot;
  const bool failed = snapshot.status.state == EngineStatus::State::failed;
  if (!snapshot.baseline || !snapshot.prompt || response_tokens_of(snapshot) == 0) {
    return empty_note(
        context, failed ? "No scores" : "Why a head attends where it does",
        failed ? "The notice below says why." : "It appears with the first response.");
  }
  const std::int64_t row = wanted_row(state);
  state.request.questions.scores = {true, row};
  toolbar(context, row);
  update(snapshot.scores);
  if (!split_) {
    return empty_note(context, failed ? "No scores" : "Computing ...",
                      failed ? "The notice below says why." : "");
  }
  const bool stale = split_->row != row || split_->head != state.request.selected ||
                     split_->before != snapshot.baseline || split_->after != snapshot.intervened;
  if (!stale && keys_.empty()) {
    return empty_note(context, "Only one of the responses has this row",
                      "Choose a token that both have.");
  }
  // The last table stays, paler, while the next one is on its way: nothing jumps.
  if (stale) ImGui::PushStyleVar(ImGuiStyleVar_Alpha, ImGui::GetStyle().Alpha * 0.6f);
  table(context);
  if (stale) ImGui::PopStyleVar();
}

}  // namespace headscope
