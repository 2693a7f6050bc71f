#include "app/views/head_sets_view.h"

#include <algorithm>
#include <utility>

#include "app/views/flow_row.h"

namespace headscope {
namespace {

std::string heads_text(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " head" : " heads");
}

// "5 heads", "first 5 of 672"
std::string size_text(const SavedHeads& saved, int top_k) {
  const std::size_t used = saved.heads(top_k).size();
  return saved.is_ranking()
             ? "first " + std::to_string(used) + " of " + std::to_string(saved.set.ranking.size())
             : heads_text(used);
}

std::string names_of(const std::vector<HeadId>& heads) {
  constexpr std::size_t most = 24;
  std::string text;
  for (std::size_t i = 0; i < std::min(most, heads.size()); ++i)
    text += (i == 0 ? "" : i % 6 == 0 ? "\n" : "  ") + format_head(heads[i]);
  if (heads.size() > most) text += "\nand " + std::to_string(heads.size() - most) + " more";
  return text;
}

bool same_heads(std::vector<HeadId> a, std::vector<HeadId> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

}  // namespace

void HeadSetsView::save_line(ViewContext& context) {
  AppState& state = context.state;
  const std::vector<HeadId> chosen = state.chosen();
  ImGui::AlignTextToFramePadding();
  text_muted(context, heads_text(chosen.size()) + " on");
  ImGui::SetItemTooltip("The heads acted on now\n%s", names_of(chosen).c_str());
  same_line_right(button_width("Load ..."));
  if (ImGui::Button("Load ...")) ask_for_file_();
  ImGui::SetItemTooltip(
      "A head set file (heads.json, a list of [layer, head] pairs, retrieval scores); or drop it "
      "onto the window");
  const bool taken = state.head_sets.find(name_.data()) != nullptr;
  const char* verb = taken ? "Replace" : "Save";
  ImGui::SetNextItemWidth(std::max(em() * 4, ImGui::GetContentRegionAvail().x -
                                                 button_width("Replace") -
                                                 ImGui::GetStyle().ItemSpacing.x));
  const bool entered = ImGui::InputTextWithHint("##name", "Name of a set to save", name_.data(),
                                                name_.size(), ImGuiInputTextFlags_EnterReturnsTrue);
  ImGui::SameLine();
  ImGui::BeginDisabled(name_[0] == 0 || chosen.empty() || !state.head_sets.configured());
  const bool pressed = ImGui::Button((std::string(verb) + "###save").c_str());
  ImGui::EndDisabled();
  if ((entered || pressed) && name_[0] != 0 && state.save_heads(name_.data())) name_.fill(0);
}

void HeadSetsView::buttons(ViewContext& context, const SavedHeads& saved) {
  AppState& state = context.state;
  const std::vector<HeadId> heads = saved.heads(state.request.intervention.top_k);
  const auto combine = [&](const char* label, HeadSetOperation operation, const char* note) {
    ImGui::SameLine(0, em() * 0.25f);
    if (ImGui::SmallButton(label)) state.combine_heads(operation, heads);
    ImGui::SetItemTooltip("%s", note);
  };
  if (state.snapshot->model &&
      saved.fits(state.snapshot->model->layers, state.snapshot->model->heads)) {
    if (ImGui::SmallButton("Use")) state.use_heads(heads);
    ImGui::SetItemTooltip("Act on these heads");
    combine("+", HeadSetOperation::unite, "Union: the heads that are on, and these");
    combine("-", HeadSetOperation::subtract, "Minus: the heads that are on, without these");
    combine("&", HeadSetOperation::intersect,
            "Intersection: the heads that are on and in this set");
    ImGui::SameLine(0, em() * 0.6f);
    if (ImGui::SmallButton("vs")) state.compare_heads(saved.path.string());
    ImGui::SetItemTooltip("Show on the head map which heads it shares with the ranking in use");
    ImGui::SameLine(0, em() * 0.6f);
  }
  const bool sure = deleting_ == saved.name;
  if (ImGui::SmallButton(sure ? "sure?" : "x")) {
    if (sure) {
      later_ = [&state, name = saved.name] {
        if (const auto removed = state.head_sets.remove(name); !removed)
          state.notify(Notice::Kind::error, removed.error().message);
      };
    }
    deleting_ = sure ? std::string() : saved.name;
  }
  ImGui::SetItemTooltip(sure ? "Deletes the file" : "Delete; asks first");
}

// The set's name, with a bar beside it where its heads are those acted on.
void HeadSetsView::name_cell(const ViewContext& context, const SavedHeads& saved) const {
  const std::vector<HeadId> heads = saved.heads(context.state.request.intervention.top_k);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float room = ImGui::GetContentRegionAvail().x, line = ImGui::GetTextLineHeight();
  ImDrawList& list = *ImGui::GetWindowDrawList();
  if (!heads.empty() && same_heads(heads, context.state.chosen())) {
    list.AddRectFilled(ImVec2(at.x - em() * 0.3f, at.y), ImVec2(at.x - em() * 0.1f, at.y + line),
                       context.theme.accent);
  }
  draw_fitted_text(list, at, room, context.theme.text, saved.name);
  ImGui::Dummy(ImVec2(std::max(room, 1.0f), line));
  if (!ImGui::IsItemHovered(ImGuiHoveredFlags_ForTooltip)) return;
  ImGui::SetTooltip("%s\n%s\n%s", saved.name.c_str(), saved.path.string().c_str(),
                    saved.problem ? saved.problem->message.c_str() : names_of(heads).c_str());
}

void HeadSetsView::row(ViewContext& context, const SavedHeads& saved) {
  AppState& state = context.state;
  ImGui::PushID(saved.name.c_str());
  ImGui::TableNextRow();
  ImGui::TableNextColumn();
  name_cell(context, saved);
  ImGui::TableNextColumn();
  const ModelInfo* model = state.snapshot->model.get();
  if (saved.problem) {
    text_colored(context.theme.bad, "damaged");
  } else if (model != nullptr && !saved.fits(model->layers, model->heads)) {
    text_muted(context, "another model");
  } else {
    text_muted(context, size_text(saved, state.request.intervention.top_k));
  }
  ImGui::TableNextColumn();
  buttons(context, saved);
  ImGui::PopID();
}

void HeadSetsView::list(ViewContext& context) {
  if (!ImGui::BeginTable("sets", 3,
                         ImGuiTableFlags_RowBg | ImGuiTableFlags_ScrollY | ImGuiTableFlags_ScrollX |
                             ImGuiTableFlags_SizingFixedFit))
    return;
  for (const SavedHeads& saved : context.state.head_sets.sets()) row(context, saved);
  ImGui::EndTable();
}

void HeadSetsView::draw(ViewContext& context) {
  AppState& state = context.state;
  if (ImGui::IsWindowAppearing()) state.head_sets.refresh();
  save_line(context);
  if (state.head_sets.sets().empty()) {
    empty_note(
        context, "No head set of your own yet",
        "Pick heads (ctrl-click on the map, or a layer's number), give them a name, save. Or "
        "load a file.");
    return;
  }
  list(context);
  if (later_) std::exchange(later_, {})();
}

}  // namespace headscope
