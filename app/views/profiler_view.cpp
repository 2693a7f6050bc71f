#include "app/views/profiler_view.h"

#include <imgui_internal.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "app/views/flow_row.h"
#include "core/base/units.h"
#include "core/exhibit/trace_view.h"
#include "core/exhibit/views.h"
#include "core/figure/style.h"
#include "core/figure/ticks.h"

namespace headscope {
namespace {

constexpr double kWheelStep = 1.25, kKeyStep = 1.5, kKeyPan = 0.15;
constexpr double kLeastShown = 1e-6, kMostShown = 1e6;  // seconds on screen
constexpr double kMargin = 0.03;                        // beside what is fitted
constexpr float kReadable = 3;                          // em that a bar needs for words

ImU32 packed(Rgb color) {
  return ImGui::ColorConvertFloat4ToU32(ImVec4(color.r, color.g, color.b, 1));
}

// The colours of figures: exports look like the screen.
Rgb series_color(const ViewContext& context, int color) {
  const bool light = context.theme.kind == ThemeKind::light;
  static const figure::Style styles[] = {
      figure::make_style(figure::Theme::dark, Palette::viridis),
      figure::make_style(figure::Theme::light, Palette::viridis)};
  return styles[light ? 1 : 0].series[static_cast<std::size_t>(color)];
}

// Hollow with diagonals: work that was not done.
void hatched(ImDrawList& list, ImVec2 min, ImVec2 max, ImU32 color) {
  const float height = max.y - min.y, step = em() * 0.45f;
  list.PushClipRect(min, max, true);
  const float left = std::max(min.x, list.GetClipRectMin().x) - height,
              right = std::min(max.x, list.GetClipRectMax().x);
  for (float x = min.x + std::floor((left - min.x) / step) * step; x < right; x += step)
    list.AddLine(ImVec2(x, max.y), ImVec2(x + height, min.y), with_alpha(color, 0.7f));
  list.PopClipRect();
  list.AddRect(min, max, color);
}

double length_of(const TraceSpan& span, bool reused) {
  return reused ? span.saved_seconds : span.seconds();
}

std::string bytes_text(std::uint64_t bytes) {
  return bytes < 100'000 ? count_text(static_cast<std::int64_t>(bytes)) + " bytes"
                         : memory_text(double(bytes));
}

TimeWindow around(double begin, double end) {
  const double length = std::max(end - begin, 1e-5);
  return {begin - kMargin * length, length * (1 + 2 * kMargin)};
}

}  // namespace

void TimeWindow::zoom(double at, double factor) {
  const double next = std::clamp(shown / factor, kLeastShown, kMostShown);
  from = at - (at - from) * next / shown;
  shown = next;
}

void ProfilerView::begin_frame(bool open) {
  if (trace_ == nullptr) return;
  trace_->record(open);
  const Tracer tracer{trace_, TraceLane::window, 0};
  if (open) frame_.emplace(&tracer, TraceKind::frame, "frame");
}

void ProfilerView::take_spans() {
  if (trace_ == nullptr) return;
  bool changed = false;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const auto lane = static_cast<TraceLane>(i);
    const std::uint64_t version = trace_->version(lane);
    if (version == versions_[i]) continue;
    versions_[i] = version;
    auto spans = trace_->spans(lane);
    if (lane == TraceLane::compute) newest_ = newest_answer(spans);
    lanes_[i] = trace_rows(std::move(spans));
    changed = true;
  }
  if (!changed) return;
  summary_ = newest_ ? in_words(*newest_) : "";
  if (empty()) origin_ = 0;
  for (const TraceRows& lane : lanes_) {
    if (origin_ == 0 && !lane.spans.empty()) origin_ = lane.spans.front().begin;
  }
  make_rows();
}

void ProfilerView::make_rows() {
  rows_.clear();
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const TraceRows& lane = lanes_[i];
    const std::size_t first = rows_.size();
    rows_.resize(first + static_cast<std::size_t>(lane.rows));
    Row reused{"reused", true, {}};
    for (std::size_t k = 0; k < lane.spans.size(); ++k) {
      const TraceSpan& span = lane.spans[k];
      rows_[first + static_cast<std::size_t>(lane.depth[k])].spans.push_back(&span);
      if (span.reused > 0) reused.spans.push_back(&span);
    }
    if (lane.rows > 0) rows_[first].label = lane_name(static_cast<TraceLane>(i));
    // Always there below the computation, so that nothing moves when something is reused.
    if (static_cast<TraceLane>(i) == TraceLane::compute) rows_.push_back(std::move(reused));
  }
}

void ProfilerView::show_all() {
  double begin = 0, end = 0;
  for (const TraceRows& lane : lanes_) {
    for (const TraceSpan& span : lane.spans) {
      begin = std::min(begin, begin_of(span));
      end = std::max(end, begin_of(span) + span.seconds());
    }
  }
  window_ = around(begin, end);
  zero_ = 0;
}

void ProfilerView::show_newest() {
  std::uint64_t newest = 0;
  for (const TraceSpan& span : lanes_[0].spans) newest = std::max(newest, span.request);
  double begin = 1e300, end = -1e300;
  for (const TraceLane lane : {TraceLane::compute, TraceLane::preview}) {
    for (const TraceSpan& span : lanes_[static_cast<std::size_t>(lane)].spans) {
      if (span.request != newest) continue;
      begin = std::min(begin, begin_of(span));
      end = std::max(end, begin_of(span) + std::max(span.seconds(), span.saved_seconds));
    }
  }
  if (begin > end) return show_all();
  window_ = around(begin, end);
  zero_ = begin;
}

float ProfilerView::x_of(const Place& place, double seconds) const {
  return place.min.x + static_cast<float>((seconds - window_.from) / window_.shown *
                                          double(place.max.x - place.min.x));
}

void ProfilerView::toolbar(ViewContext& context) {
  FlowRow flow(em() * 0.8f);
  flow.next(segmented_width({"Newest", "All"}));
  int which = follow_ ? 0 : -1;
  if (segmented(context, "what", {"Newest", "All"}, which)) {
    follow_ = which == 0;
    if (which == 1) show_all();
  }
  flow.next(button_width("Clear"));
  if (ImGui::Button("Clear") && trace_ != nullptr) trace_->clear();
  ImGui::SetItemTooltip("Forget what was recorded");
  const auto entry = [&](const char* name, auto draw) {
    const float key = em() * 0.8f;
    flow.next(key + em() * 0.4f + ImGui::CalcTextSize(name).x);
    ImGui::AlignTextToFramePadding();
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float top = at.y + (ImGui::GetFrameHeight() - key) * 0.5f;
    draw(ImVec2(at.x, top), ImVec2(at.x + key, top + key));
    ImGui::BeginGroup();
    ImGui::Dummy(ImVec2(key, key));
    ImGui::SameLine(0, em() * 0.4f);
    ImGui::AlignTextToFramePadding();
    text_muted(context, name);
    ImGui::EndGroup();
  };
  ImDrawList& list = *ImGui::GetWindowDrawList();
  for (int color = 0; color < trace_colors; ++color) {
    entry(trace_color_name(color), [&](ImVec2 min, ImVec2 max) {
      list.AddRectFilled(min, max, packed(series_color(context, color)));
    });
  }
  entry("reused", [&](ImVec2 min, ImVec2 max) { hatched(list, min, max, context.theme.muted); });
}

void ProfilerView::draw_axis(const ViewContext& context, const Place& place, float bottom) const {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const bool small = window_.shown < 0.5;
  const double unit = small ? 1e-3 : 1;
  const int wanted = std::max(2, static_cast<int>((place.max.x - place.min.x) / (em() * 6)));
  for (const figure::Tick& tick : figure::linear_ticks((window_.from - zero_) / unit,
                                                       (window_.end() - zero_) / unit, wanted)) {
    const float x = x_of(place, zero_ + tick.value * unit);
    list.AddLine(ImVec2(x, place.min.y - em() * 0.2f), ImVec2(x, bottom),
                 with_alpha(context.theme.line, 0.5f));
    const std::string label = tick.label + (small ? " ms" : " s");
    const float width = ImGui::CalcTextSize(label.c_str()).x;
    const float left = std::clamp(x - width * 0.5f, place.min.x, place.max.x - width);
    list.AddText(ImVec2(left, place.min.y - em() * 1.25f), context.theme.muted, label.c_str());
  }
}

void ProfilerView::draw_row(const ViewContext& context, const Place& place,
                            std::size_t index) const {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const Row& row = rows_[index];
  const float top = place.min.y + place.row * static_cast<float>(index) + 1,
              bottom = top + place.row - 2;
  float painted = place.min.x - 1;
  for (const TraceSpan* span : row.spans) {
    const double begin = begin_of(*span), end = begin + length_of(*span, row.reused);
    if (end < window_.from || begin > window_.end()) continue;
    const float left = std::max(x_of(place, begin), place.min.x - 2),
                right = std::max(left + 1, std::min(x_of(place, end), place.max.x + 2));
    if (right - painted < 1 && !row.reused) continue;  // as good as painted already
    painted = std::max(painted, right);
    const Rgb color = series_color(context, trace_color(span->kind));
    const ImVec2 min(left, top), max(right, bottom);
    if (row.reused) {
      hatched(list, min, max, packed(color));
    } else {
      const bool second = span->kind == TraceKind::layer && span->number % 2 == 1;
      list.AddRectFilled(min, max,
                         with_alpha(packed(color), span->cut ? 0.5f
                                                   : second  ? 0.8f
                                                             : 1.0f));
      if (span->cut) list.AddLine(ImVec2(right, top), max, context.theme.bad, em() * 0.15f);
    }
    const float from = std::max(left, place.min.x) + em() * 0.25f,
                room = std::min(right, place.max.x) - from - em() * 0.25f;
    if (room < em() * kReadable) continue;
    const bool plain = row.reused || span->cut;
    const std::string words = span->title() + "  " + span_text(length_of(*span, row.reused));
    const float y = top + (place.row - 2 - em()) * 0.5f;
    if (row.reused) {  // not upon the diagonals
      const float width = std::min(room, ImGui::CalcTextSize(words.c_str()).x);
      list.AddRectFilled(ImVec2(from - em() * 0.15f, top + 1),
                         ImVec2(from + width + em() * 0.15f, bottom - 1), context.theme.panel);
    }
    draw_fitted_text(list, ImVec2(from, y), room,
                     plain ? context.theme.text : packed(figure::readable_on(color)), words);
  }
}

const TraceSpan* ProfilerView::under_mouse(const Place& place, bool& reused) const {
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const float height = (mouse.y - place.min.y) / place.row;
  if (height < 0 || height >= static_cast<float>(rows_.size())) return nullptr;
  const Row& row = rows_[static_cast<std::size_t>(height)];
  reused = row.reused;
  const TraceSpan* nearest = nullptr;
  float best = em() * 0.3f;  // a bar of one pixel can be pointed at
  for (const TraceSpan* span : row.spans) {
    const float left = x_of(place, begin_of(*span)),
                right = x_of(place, begin_of(*span) + length_of(*span, reused));
    const float away = std::max({left - mouse.x, mouse.x - right, 0.0f});
    if (away >= best) continue;
    best = away;
    nearest = span;
    if (away == 0) break;
  }
  return nearest;
}

void ProfilerView::tooltip(const ViewContext& context, const TraceSpan& span, bool reused) const {
  if (!ImGui::BeginTooltip()) return;
  text_bold(context, span.title() + (reused ? ": reused" : span.cut ? ": given up" : ""));
  const double begin = begin_of(span) - zero_;
  ImGui::Text("%s, begun at %s%s", span_text(span.seconds()).c_str(), begin < 0 ? "-" : "",
              span_text(std::abs(begin)).c_str());
  if (span.kind == TraceKind::prefill) ImGui::Text("began at layer %d of %d", span.number, span.of);
  if (span.rows > 0) {
    ImGui::Text("rows %s to %s", count_text(span.first_row).c_str(),
                count_text(span.first_row + span.rows - 1).c_str());
  }
  if (span.computed > 0)
    ImGui::Text("computed  %s rows x layers", count_text(span.computed).c_str());
  if (span.reused > 0) ImGui::Text("reused    %s rows x layers", count_text(span.reused).c_str());
  if (span.kept_attention > 0)
    ImGui::Text("kept      the attention of %s rows", count_text(span.kept_attention).c_str());
  if (span.bytes > 0) ImGui::Text("%s", bytes_text(span.bytes).c_str());
  if (span.saved_seconds > 0) ImGui::Text("saved about %s", span_text(span.saved_seconds).c_str());
  std::string by = std::string(kind_name(span.kind)) + ", " + lane_name(span.lane) + " thread";
  if (span.request > 0) by += ", request " + std::to_string(span.request);
  text_muted(context, by);
  text_muted(context, "wheel: zoom   drag: along   double click: only this");
  ImGui::EndTooltip();
}

void ProfilerView::keys() {
  if (!ImGui::IsItemFocused() && !ImGui::IsItemHovered()) return;
  const auto pressed = [](ImGuiKey key) {
    ImGui::SetKeyOwner(key, ImGui::GetItemID());  // the focus stays here
    return ImGui::IsKeyPressed(key);
  };
  const double middle = window_.from + window_.shown / 2;
  const TimeWindow before = window_;
  if (pressed(ImGuiKey_LeftArrow)) window_.from -= window_.shown * kKeyPan;
  if (pressed(ImGuiKey_RightArrow)) window_.from += window_.shown * kKeyPan;
  for (const ImGuiKey key : {ImGuiKey_KeypadAdd, ImGuiKey_Equal, ImGuiKey_UpArrow})
    if (pressed(key)) window_.zoom(middle, kKeyStep);
  for (const ImGuiKey key : {ImGuiKey_KeypadSubtract, ImGuiKey_Minus, ImGuiKey_DownArrow})
    if (pressed(key)) window_.zoom(middle, 1 / kKeyStep);
  if (window_.from != before.from || window_.shown != before.shown) follow_ = false;
  if (pressed(ImGuiKey_Home)) follow_ = true;
}

void ProfilerView::navigate(const Place& place) {
  ImGui::SetItemKeyOwner(ImGuiKey_MouseWheelY);
  const ImGuiIO& io = ImGui::GetIO();
  const double per_pixel = window_.shown / double(place.max.x - place.min.x);
  if (ImGui::IsItemHovered() && io.MouseWheel != 0) {
    const double at = window_.from + double(io.MousePos.x - place.min.x) * per_pixel;
    window_.zoom(at, std::pow(kWheelStep, io.MouseWheel));
    follow_ = false;
  }
  if (ImGui::IsItemActive() && ImGui::IsMouseDragging(ImGuiMouseButton_Left)) {
    window_.from -= double(io.MouseDelta.x) * per_pixel;
    follow_ = false;
  }
  keys();
}

void ProfilerView::timeline(ViewContext& context) {
  float labels = 0;
  for (const Row& row : rows_) labels = std::max(labels, ImGui::CalcTextSize(row.label.c_str()).x);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x;
  Place place;
  place.row = std::floor(em() * 1.35f);
  place.min = ImVec2(at.x + labels + em() * 0.6f, at.y + em() * 1.4f);
  place.max = ImVec2(std::max(place.min.x + em(), at.x + width),
                     place.min.y + place.row * static_cast<float>(rows_.size()));
  ImGui::SetCursorScreenPos(place.min);
  ImGui::InvisibleButton("timeline", ImVec2(place.max.x - place.min.x, place.max.y - place.min.y),
                         ImGuiButtonFlags_EnableNav);
  const bool hovered = ImGui::IsItemHovered();
  navigate(place);
  if (follow_) show_newest();
  draw_axis(context, place, place.max.y);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    list.AddText(
        ImVec2(at.x, place.min.y + place.row * static_cast<float>(i) + (place.row - em()) * 0.5f),
        context.theme.muted, rows_[i].label.c_str());
  }
  list.PushClipRect(ImVec2(place.min.x, place.min.y), place.max, true);
  for (std::size_t i = 0; i < rows_.size(); ++i) draw_row(context, place, i);
  list.PopClipRect();
  if (!hovered) return;
  bool reused = false;
  const TraceSpan* span = under_mouse(place, reused);
  if (span == nullptr) return;
  tooltip(context, *span, reused);
  if (!ImGui::IsMouseDoubleClicked(ImGuiMouseButton_Left)) return;
  const double begin = begin_of(*span);
  window_ = around(begin, begin + length_of(*span, reused));
  follow_ = false;
}

void ProfilerView::draw(ViewContext& context) {
  take_spans();
  if (empty()) {
    return empty_note(context, "Nothing recorded yet",
                      "Recording starts while this view is open: move a slider, or take another "
                      "sample. It shows what each run computed and what it reused.");
  }
  const float top = ImGui::GetCursorPosY(), line = ImGui::GetTextLineHeightWithSpacing();
  wrapped_text(summary_.empty() ? "No answer was computed while this was recorded." : summary_, {},
               summary_.empty() ? context.theme.muted : context.theme.text,
               ImGui::GetContentRegionAvail().x, 2);
  ImGui::SetCursorPosY(top + 2 * line);  // whatever it says, what follows stays where it is
  toolbar(context);
  if (ImGui::BeginChild("spans")) timeline(context);
  ImGui::EndChild();
}

ExhibitMaker ProfilerView::exhibit(const AppState& state) const {
  const auto runs = runs_of(*state.snapshot);
  if (trace_ == nullptr || empty() || !runs) return nullptr;
  std::vector<TraceSpan> spans;
  for (int lane = 0; lane < trace_lanes; ++lane) {
    const auto more = trace_->spans(static_cast<TraceLane>(lane));
    spans.insert(spans.end(), more.begin(), more.end());
  }
  const auto nanoseconds = [this](double seconds) {
    return origin_ + static_cast<std::int64_t>(seconds * 1e9);
  };
  const TraceWindow window{nanoseconds(window_.from), nanoseconds(window_.end())};
  return [spans = std::move(spans), window, origin = runs->origin](const RunContext&) {
    return trace_exhibit(spans, window, origin);
  };
}

}  // namespace headscope
