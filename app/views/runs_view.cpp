#include "app/views/runs_view.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>

#include "core/base/platform.h"

namespace headscope {
namespace {

constexpr float kPictureWidth = 5.0f;  // em

std::string clock_of(std::time_t when) {
  char buffer[16];
  std::tm parts{};
  if (!platform::local_time(when, parts)) return {};
  std::strftime(buffer, sizeof buffer, "%H:%M:%S", &parts);
  return buffer;
}

// Mass of every document as bars; the head map where there are none.
void draw_picture(const ViewContext& context, const RunEntry& entry, float height) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImVec2 at = ImGui::GetCursorScreenPos(), size(em() * kPictureWidth, height);
  list.AddRectFilled(at, ImVec2(at.x + size.x, at.y + size.y), context.theme.card);
  if (!entry.bars.empty()) {
    const float most = std::max(1e-6f, *std::max_element(entry.bars.begin(), entry.bars.end()));
    const float step = size.x / static_cast<float>(entry.bars.size());
    for (std::size_t i = 0; i < entry.bars.size(); ++i) {
      const float x = at.x + step * static_cast<float>(i);
      const bool gold = static_cast<int>(i) == entry.gold_bar;
      list.AddRectFilled(ImVec2(x, at.y + size.y * (1 - entry.bars[i] / most)),
                         ImVec2(x + std::max(1.0f, step * 0.75f), at.y + size.y),
                         gold                ? context.theme.gold
                         : entry.is_baseline ? context.theme.baseline
                                             : context.theme.accent);
    }
  } else if (!entry.cells.empty()) {
    const float most = std::max(1e-6f, *std::max_element(entry.cells.begin(), entry.cells.end()));
    const float w = size.x / static_cast<float>(entry.cell_columns),
                h = size.y / static_cast<float>(entry.cell_rows);
    for (int row = 0; row < entry.cell_rows; ++row) {
      for (int column = 0; column < entry.cell_columns; ++column) {
        const float value =
            entry.cells[static_cast<std::size_t>(row * entry.cell_columns + column)] / most;
        const ImVec2 cell(at.x + w * static_cast<float>(column),
                          at.y + h * static_cast<float>(row));
        list.AddRectFilled(cell, ImVec2(cell.x + w, cell.y + h),
                           with_alpha(context.theme.accent, value));
      }
    }
  }
  ImGui::Dummy(size);
}

// To the settings of a run, and its prompt if that was another one; undo leads back.
void go_back_to(AppState& state, const RunEntry& entry) {
  Request target = entry.request;
  target.prompt = *entry.prompt;
  target.selected = state.request.selected;
  target.want_full_map = state.request.want_full_map;
  target.map_region = state.request.map_region;
  target.questions = state.request.questions;
  target.threads = state.request.threads;
  state.request = std::move(target);
}

void mass_cell(const ViewContext& context, float value, float reference) {
  if (value < 0) return text_muted(context, "-");
  ImGui::TextUnformatted(format_mass(value).c_str());
  if (reference < 0 || reference == value) return;
  ImGui::SameLine(0, em() * 0.4f);
  text_muted(context, format_delta(value - reference));
}

void run_row(ViewContext& context, const RunEntry& entry, const RunEntry* reference) {
  RunLog& log = context.state.runs;
  const float height = em() * 1.6f, down = (height - ImGui::GetTextLineHeight()) * 0.5f;
  ImGui::PushID(static_cast<int>(entry.number));
  ImGui::TableNextRow(ImGuiTableRowFlags_None, height);
  ImGui::TableNextColumn();
  const bool current = entry.number == log.current();
  if (ImGui::Selectable(("##run" + std::to_string(entry.number)).c_str(), current,
                        ImGuiSelectableFlags_SpanAllColumns | ImGuiSelectableFlags_AllowOverlap,
                        ImVec2(0, height)))
    go_back_to(context.state, entry);
  ImGui::SetItemTooltip("%s, %s\nClick: back to these settings (undo leads here again).",
                        clock_of(entry.when).c_str(),
                        describe_settings(entry.request.intervention).c_str());
  const auto centred = [down] { ImGui::SetCursorPosY(ImGui::GetCursorPosY() + down); };
  ImGui::SameLine(0, 0);
  centred();
  ImGui::Text("%llu", static_cast<unsigned long long>(entry.number));
  ImGui::TableNextColumn();
  draw_picture(context, entry, height);
  ImGui::TableNextColumn();
  centred();
  draw_fitted_text(*ImGui::GetWindowDrawList(), ImGui::GetCursorScreenPos(),
                   ImGui::GetContentRegionAvail().x, context.theme.text,
                   describe_settings(entry.request.intervention));
  ImGui::TableNextColumn();
  centred();
  if (entry.graded) {
    answer_mark(context, entry.right);
    ImGui::SameLine(0, em() * 0.4f);
  }
  draw_fitted_text(*ImGui::GetWindowDrawList(), ImGui::GetCursorScreenPos(),
                   ImGui::GetContentRegionAvail().x, context.theme.text, entry.answer);
  ImGui::TableNextColumn();
  centred();
  mass_cell(context, entry.gold, reference != nullptr ? reference->gold : -1);
  ImGui::TableNextColumn();
  centred();
  text_muted(context, format_seconds(entry.seconds));
  ImGui::TableNextColumn();
  centred();
  const bool pinned = log.pinned == entry.number;
  if (ImGui::SmallButton(pinned ? "unpin" : "compare")) log.pinned = pinned ? 0 : entry.number;
  ImGui::SetItemTooltip(pinned ? "Compare with nothing" : "Compare the others with this run");
  ImGui::PopID();
}

void runs_table(ViewContext& context, const RunEntry* reference, float height) {
  constexpr ImGuiTableFlags flags = ImGuiTableFlags_ScrollY | ImGuiTableFlags_RowBg |
                                    ImGuiTableFlags_Resizable | ImGuiTableFlags_BordersInnerV;
  if (!ImGui::BeginTable("runs", 7, flags, ImVec2(0, height))) return;
  ImGui::TableSetupScrollFreeze(0, 1);
  ImGui::TableSetupColumn("#", ImGuiTableColumnFlags_WidthFixed, em() * 1.6f);
  // In a narrow region the answers are what is looked for.
  const auto only_in = [room = ImGui::GetContentRegionAvail().x](float width) {
    return room < em() * width ? ImGuiTableColumnFlags_Disabled : ImGuiTableColumnFlags_None;
  };
  ImGui::TableSetupColumn("documents", ImGuiTableColumnFlags_WidthFixed | only_in(38),
                          em() * kPictureWidth);
  ImGui::TableSetupColumn("settings", ImGuiTableColumnFlags_WidthStretch, 1.0f);
  ImGui::TableSetupColumn("answer", ImGuiTableColumnFlags_WidthStretch, 1.2f);
  ImGui::TableSetupColumn("gold", ImGuiTableColumnFlags_WidthFixed | only_in(28), em() * 6.4f);
  ImGui::TableSetupColumn("time", ImGuiTableColumnFlags_WidthFixed | only_in(38), em() * 3.4f);
  ImGui::TableSetupColumn("", ImGuiTableColumnFlags_WidthFixed, em() * 5.2f);
  ImGui::TableHeadersRow();
  const auto& entries = context.state.runs.entries();
  ImGuiListClipper clipper;
  clipper.Begin(static_cast<int>(entries.size()));
  while (clipper.Step()) {
    for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i)  // newest first
      run_row(context, entries[entries.size() - 1 - static_cast<std::size_t>(i)], reference);
  }
  ImGui::EndTable();
}

void compare_line(const ViewContext& context, const char* name, const std::string& a,
                  const std::string& b) {
  ImGui::TableNextRow();
  ImGui::TableNextColumn();
  text_muted(context, name);
  ImGui::TableNextColumn();
  ImGui::TextWrapped("%s", a.c_str());
  ImGui::TableNextColumn();
  ImGui::PushStyleColor(ImGuiCol_Text, a == b ? context.theme.muted : context.theme.text);
  ImGui::TextWrapped("%s", a == b ? "the same" : b.c_str());
  ImGui::PopStyleColor();
}

std::string masses_of(const RunEntry& entry) {
  if (entry.sink < 0) return "not kept";
  std::string text;
  if (entry.gold >= 0) text = "gold " + format_mass(entry.gold) + "  ";
  return text + "others " + format_mass(entry.others) + "  sink " + format_mass(entry.sink) +
         "  rest " + format_mass(entry.rest);
}

std::string judged(const RunEntry& entry) {
  return entry.answer + (entry.graded ? entry.right ? "  (right)" : "  (wrong)" : "");
}

// The pinned run and the one that is shown, side by side.
void comparison(ViewContext& context, const RunEntry& a, const RunEntry& b) {
  if (!ImGui::BeginTable("comparison", 3, ImGuiTableFlags_BordersInnerV)) return;
  ImGui::TableSetupColumn("", ImGuiTableColumnFlags_WidthFixed, em() * 4.5f);
  ImGui::TableSetupColumn(("run " + std::to_string(a.number) + " (pinned)").c_str());
  ImGui::TableSetupColumn(("run " + std::to_string(b.number) + " (shown)").c_str());
  ImGui::TableHeadersRow();
  compare_line(context, "answer", judged(a), judged(b));
  compare_line(context, "settings", describe_settings(a.request.intervention),
               describe_settings(b.request.intervention));
  compare_line(context, "masses", masses_of(a), masses_of(b));
  if (a.request.model != b.request.model || a.request.dtype != b.request.dtype)
    compare_line(context, "model", a.request.model + "  " + a.request.dtype,
                 b.request.model + "  " + b.request.dtype);
  if (!(*a.prompt == *b.prompt)) compare_line(context, "prompt", "as it was", "another one");
  ImGui::EndTable();
}

void copy_table(const RunLog& log) {
  std::string text = "run\ttime\tsettings\tanswer\tright\tgold\tothers\tsink\trest\tseconds\n";
  const auto mass = [](float value) { return value < 0 ? std::string() : format_mass(value); };
  for (const RunEntry& entry : log.entries()) {
    std::string answer = entry.answer;
    std::replace_if(
        answer.begin(), answer.end(), [](char c) { return c == '\t' || c == '\n'; }, ' ');
    text += std::to_string(entry.number) + "\t" + clock_of(entry.when) + "\t" +
            describe_settings(entry.request.intervention) + "\t" + answer + "\t" +
            (entry.graded ? entry.right ? "1" : "0" : "") + "\t" + mass(entry.gold) + "\t" +
            mass(entry.others) + "\t" + mass(entry.sink) + "\t" + mass(entry.rest) + "\t" +
            std::to_string(entry.seconds) + "\n";
  }
  ImGui::SetClipboardText(text.c_str());
}

}  // namespace

void runs_view(ViewContext& context) {
  RunLog& log = context.state.runs;
  if (log.entries().empty()) {
    const EngineStatus::State now = context.state.snapshot->status.state;
    const bool busy =
        now == EngineStatus::State::running || now == EngineStatus::State::loading_model;
    return empty_note(
        context, busy ? "The first run is under way" : "No run yet",
        "Every exact run of this prompt is listed here, to go back to and to compare.");
  }
  text_muted(context,
             std::to_string(log.entries().size()) + (log.entries().size() == 1 ? " run" : " runs"));
  ImGui::SameLine();
  if (ImGui::SmallButton("Copy table")) copy_table(log);
  ImGui::SameLine();
  if (ImGui::SmallButton("Clear")) return log.clear();
  const RunEntry* reference = log.find(log.pinned);
  const RunEntry* shown = log.find(log.current());
  const bool compared = reference != nullptr && shown != nullptr && shown != reference;
  const float room = ImGui::GetContentRegionAvail().y;
  runs_table(context, reference, compared ? room * 0.5f : room);
  if (!compared) return;
  if (ImGui::BeginChild("compared")) comparison(context, *reference, *shown);
  ImGui::EndChild();
}

}  // namespace headscope
