#include "app/views/overlay_view.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "app/views/candidates_view.h"
#include "core/engine/outlook.h"

namespace headscope {
namespace {

// Multiply-adds that a frame may spend on a new selection: about a millisecond.
constexpr double kCheap = 1e6;
constexpr double kCheapRows = 2e4;  // reads far apart from each other
constexpr float kMostResponseLines = 4;

TokenLines::Measure measure_of_font() {
  return [font = ImGui::GetFont(), size = ImGui::GetFontSize()](std::string_view text) {
    return font->CalcTextSizeA(size, FLT_MAX, 0, text.data(), text.data() + text.size()).x;
  };
}

float line_height() {
  return std::round(em() * 1.4f);
}

// Margin beside the text: a document's number on its attention, and where rows are edited.
float gutter_width() {
  return std::round(em() * 1.9f);
}

std::string count_of(std::size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

const char* name_of(Pooling pooling) {
  return pooling == Pooling::mean ? "mean" : pooling == Pooling::sum ? "sum" : "max";
}

std::string name_of(const AppState& state, OverlayHeads heads) {
  const HeadId selected = state.request.selected;
  switch (heads) {
    case OverlayHeads::selected:
      return format_head(selected);
    case OverlayHeads::chosen:
      return "Chosen";
    case OverlayHeads::layer:
      return "Layer " + std::to_string(selected.layer);
    case OverlayHeads::all:
      break;
  }
  return "All heads";
}

void draw_run(ImDrawList& list, ImVec2 at, ImU32 color, std::string_view text) {
  list.AddText(ImVec2(at.x, at.y + (line_height() - em()) * 0.5f), color, text.data(),
               text.data() + text.size());
}

}  // namespace

OverlayView::OverlayView()
    : tokens_([](const Job& job, const auto& is_stale) {
        auto masses = pool_tokens(*job.run, job.baseline.get(), job.selection,
                                  job.prompt->prompt_tokens(), is_stale);
        if (masses) add_documents(*job.prompt, job.selection.pooling, *masses);
        return masses;
      }),
      rows_([](const Job& job, const auto&) {
        return std::optional(pool_rows(*job.run, job.baseline.get(), job.selection, job.keys));
      }) {}

const TokenMasses* OverlayView::painted() {
  const auto* newest = tokens_.newest();
  return newest != nullptr && newest->first.prompt == job_.prompt ? &newest->second : nullptr;
}

// What is to be painted; false while there is no run to look at.
bool OverlayView::find_runs(const ViewContext& context) {
  const Snapshot& snapshot = *context.state.snapshot;
  const MapSource source = context.state.view.overlay.source;
  job_ = {};
  job_.prompt = snapshot.prompt;
  job_.run = source == MapSource::baseline || !snapshot.intervened ? snapshot.baseline
                                                                   : snapshot.intervened;
  if (source == MapSource::difference) job_.baseline = snapshot.baseline;
  if (!job_.prompt || !job_.run || !snapshot.model) return false;
  touched_ = touched_tokens(*job_.run, *job_.prompt);
  return true;
}

void OverlayView::heads_combo(ViewContext& context, float width) {
  AppState& state = context.state;
  OverlayHeads& heads = state.view.overlay.heads;
  ImGui::SetNextItemWidth(width);
  if (!ImGui::BeginCombo("##heads", name_of(state, heads).c_str())) return;
  for (const OverlayHeads choice :
       {OverlayHeads::selected, OverlayHeads::chosen, OverlayHeads::layer, OverlayHeads::all}) {
    const std::string label =
        name_of(state, choice) + "###" + std::to_string(static_cast<int>(choice));
    if (ImGui::Selectable(label.c_str(), heads == choice)) heads = choice;
  }
  ImGui::EndCombo();
}

void OverlayView::toolbar(ViewContext& context) {
  OverlayOptions& options = context.state.view.overlay;
  int source = static_cast<int>(options.source);
  if (segmented(context, "source", {"Base", "Interv.", "Diff."}, source))
    options.source = static_cast<MapSource>(source);
  ImGui::SameLine(0, em() * 0.8f);
  int scale = options.logarithmic ? 0 : 1;
  if (segmented(context, "scale", {"Log", "Linear"}, scale)) options.logarithmic = scale == 0;
  const float gap = ImGui::GetStyle().ItemSpacing.x, pooling_width = em() * 4.5f;
  const float mask_width = 2 * ImGui::GetFrameHeight() + gap +
                           2 * ImGui::GetStyle().ItemInnerSpacing.x +
                           ImGui::CalcTextSize("SinkEdits").x;
  heads_combo(context, std::max(em() * 6.4f, ImGui::GetContentRegionAvail().x - pooling_width -
                                                 mask_width - 2 * gap));
  ImGui::SetItemTooltip("%s", count_of(context.state.overlay_heads().size(), "head").c_str());
  ImGui::SameLine();
  ImGui::SetNextItemWidth(pooling_width);
  if (ImGui::BeginCombo("##pooling", name_of(options.pooling))) {
    for (const Pooling choice : {Pooling::mean, Pooling::sum, Pooling::max}) {
      if (ImGui::Selectable(name_of(choice), options.pooling == choice)) options.pooling = choice;
    }
    ImGui::EndCombo();
  }
  ImGui::SetItemTooltip("How heads and response tokens become one number a prompt token");
  ImGui::SameLine();
  bool sink = !options.mask_sink;
  if (ImGui::Checkbox("Sink", &sink)) options.mask_sink = !sink;
  ImGui::SetItemTooltip("Paint the attention sink, tokens 0 and 1, too: it then sets the scale");
  ImGui::SameLine();
  ImGui::Checkbox("Edits", &options.mark_touched);
  ImGui::SetItemTooltip(
      "Mark what the intervention acts on: a bar above marked keys (S) and above response tokens "
      "whose rows are edited, a bar beside lines of the prompt whose rows are");
}

void OverlayView::click(OverlayOptions& options, std::int64_t token) {
  std::vector<std::int64_t>& rows = options.rows;
  const bool alone = rows.size() == 1 && rows.front() == token;
  if (ImGui::GetIO().KeyShift) {
    const auto first = std::min(anchor_, token), last = std::max(anchor_, token);
    rows.resize(static_cast<std::size_t>(last - first + 1));
    std::iota(rows.begin(), rows.end(), first);
    return;
  }
  anchor_ = token;
  if (!ImGui::GetIO().KeyCtrl) {
    rows = alone ? std::vector<std::int64_t>{} : std::vector{token};
    return;
  }
  const auto at = std::lower_bound(rows.begin(), rows.end(), token);
  if (at != rows.end() && *at == token) {
    rows.erase(at);
  } else {
    rows.insert(at, token);
  }
}

void OverlayView::response_token(ViewContext& context, const TextLine& line, std::uint32_t index,
                                 ImVec2 at, float height) {
  OverlayOptions& options = context.state.view.overlay;
  const Theme& theme = context.theme;
  const std::int64_t token = response_.pieces()[response_.runs()[index].piece].first;
  const float width = response_.width_of(line, index);
  const ImVec2 end(at.x + width, at.y + height);
  ImGui::SetCursorScreenPos(at);
  const std::string id = "t" + std::to_string(token);
  if (ImGui::InvisibleButton(id.c_str(), ImVec2(std::max(width, 1.0f), height),
                             ImGuiButtonFlags_EnableNav)) {
    click(options, token);
    context.state.candidates.token = static_cast<std::size_t>(token);  // lens and scores follow
  }
  if (ImGui::IsItemHovered()) hovered_row_ = token;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const auto* way_back = rows_.newest();
  const TokenRange pointed = pointed_keys();
  const bool looked_at = pointed.size() > 0 && way_back != nullptr &&
                         way_back->first.keys == pointed && token < std::ssize(way_back->second);
  const bool chosen = std::binary_search(options.rows.begin(), options.rows.end(), token);
  ImU32 background = chosen ? theme.accent_soft : theme.card;
  if (looked_at) {
    const std::vector<float>& values = way_back->second;
    TokenScale scale = scale_;
    scale.largest = largest_magnitude(values, 0);
    background = scale.color(values[static_cast<std::size_t>(token)]);
  }
  list.AddRectFilled(ImVec2(at.x, at.y + 1), ImVec2(end.x - 1, end.y - 1), background);
  if (chosen) {  // a bar under it: which ones are chosen does not rest on shade alone
    list.AddRectFilled(ImVec2(at.x, end.y - em() * 0.14f), ImVec2(end.x - 1, end.y), theme.accent);
  }
  if (options.mark_touched && touched_.edits_row(job_.run->rows.begin + token))
    list.AddRectFilled(ImVec2(at.x, at.y + 1), ImVec2(end.x - 1, at.y + 1 + em() * 0.1f),
                       theme.accent);
  if (hovered_row_ == token)
    list.AddRect(ImVec2(at.x, at.y + 1), ImVec2(end.x - 1, end.y - 1), theme.selection);
  draw_run(list, at, ink_on(theme, background), response_.text_of(line, index));
}

void OverlayView::response_title(ViewContext& context) {
  OverlayOptions& options = context.state.view.overlay;
  const std::size_t chosen = options.rows.size();
  std::string title = chosen == 0 ? "All response tokens" : count_of(chosen, "response token");
  std::string hint = "Click: one token. Shift: a range. Ctrl: one more or one less.";
  if (const auto at = job_.baseline ? first_difference(*job_.baseline, *job_.run) : std::nullopt) {
    title += ", other from " + std::to_string(*at + 1);
    hint += "\nFrom token " + std::to_string(*at + 1) +
            " on the responses differ: rows are compared by their number.";
  }
  ImGui::AlignTextToFramePadding();
  text_muted(context, title);
  ImGui::SetItemTooltip("%s", hint.c_str());
  const ImGuiStyle& style = ImGui::GetStyle();
  const float all = ImGui::CalcTextSize("All").x + 2 * style.FramePadding.x;
  const float find = ImGui::CalcTextSize("Find").x + 2 * style.FramePadding.x;
  same_line_right(find + (chosen > 0 ? all + style.ItemSpacing.x : 0));
  if (chosen > 0) {
    if (ImGui::Button("All")) options.rows.clear();
    ImGui::SameLine();
  }
  if (ImGui::Button("Find")) show_largest_ = true;
  ImGui::SetItemTooltip("Scroll to the strongest colour");
}

// The response: clicking chooses whose attention is painted.
void OverlayView::response(ViewContext& context) {
  OverlayOptions& options = context.state.view.overlay;
  std::erase_if(options.rows,
                [&](std::int64_t row) { return row < 0 || row >= job_.run->rows.size(); });
  response_title(context);
  if (response_of_ != job_.run || response_font_ != em()) {
    response_of_ = job_.run;
    response_font_ = em();
    response_.set(response_pieces(*job_.run), measure_of_font());
  }
  const float height = line_height();
  const float room = ImGui::GetContentRegionAvail().x - ImGui::GetStyle().ScrollbarSize;
  response_.wrap(std::max(room, em()));
  const auto lines = static_cast<float>(response_.lines().size());
  hovered_row_ = -1;
  if (ImGui::BeginChild("response",
                        ImVec2(0, height * std::clamp(lines, 1.0f, kMostResponseLines)))) {
    if (response_.pieces().empty()) text_muted(context, "(empty response)");
    const ImVec2 origin = ImGui::GetCursorScreenPos();
    float y = origin.y;
    for (const TextLine& line : response_.lines()) {
      float x = origin.x;
      for (std::uint32_t i = line.first; i < line.last; ++i) {
        response_token(context, line, i, ImVec2(x, y), height);
        x += response_.width_of(line, i);
      }
      y += height;
    }
  }
  ImGui::EndChild();
}

// Pools what is new since the last frame.
void OverlayView::ask(const ViewContext& context) {
  const OverlayOptions& options = context.state.view.overlay;
  OverlaySelection& selection = job_.selection;
  selection.pooling = options.pooling;
  if (hovered_row_ >= 0) {
    selection.rows = {hovered_row_};
  } else if (!options.rows.empty()) {
    selection.rows = options.rows;
  } else {
    selection.rows.resize(static_cast<std::size_t>(job_.run->rows.size()));
    std::iota(selection.rows.begin(), selection.rows.end(), 0);
  }
  const double runs = job_.baseline ? 2 : 1;
  tokens_.ask(job_, runs * pooling_work(*job_.run, selection) <= kCheap, context.state.wake);
  masses_ = painted();
  const TokenRange pointed = pointed_keys();
  if (pointed.size() == 0) return;
  Job back = job_;
  back.keys = pointed;
  back.selection.rows.clear();
  const double reads = runs * static_cast<double>(selection.heads.size()) *
                       static_cast<double>(job_.run->rows.size() + pointed.size());
  rows_.ask(back, reads <= kCheapRows, context.state.wake);
}

// Runs over long prompts keep span sums alone: says so, and offers to keep rows.
void OverlayView::missing(ViewContext& context) const {
  AppState& state = context.state;
  const Snapshot& snapshot = *state.snapshot;
  if (job_.selection.heads.empty())
    return empty_note(context, "No head is chosen", "Choose heads above, or in Intervention.");
  if (job_.run->rows.size() == 0)
    return empty_note(context, "The response is empty",
                      "Its tokens are whose attention is painted.");
  const bool computing = snapshot.status.state == EngineStatus::State::running;
  const RunOutlook* outlook = snapshot.outlook.get();
  if (computing || outlook == nullptr || outlook->chosen == KeepAttention::rows)
    return empty_note(context,
                      computing ? "Computing ..." : "No attention weights for these heads");
  const PolicyEstimate& rows = outlook->rows;
  ImGui::PushTextWrapPos(0);
  text_muted(context, "This run kept span sums, not the weights of single tokens.");
  text_muted(context, "Response rows need " + estimate_text(rows) +
                          (rows.fits ? "." : ": that does not fit into memory."));
  ImGui::PopTextWrapPos();
  ImGui::BeginDisabled(!rows.fits);
  if (ImGui::Button("Keep response rows")) state.request.keep = KeepAttention::rows;
  ImGui::EndDisabled();
}

bool OverlayView::is_masked(const OverlayOptions& options, const TextPiece& piece) const {
  return options.mask_sink && piece.is_token() &&
         TokenMasses::is_sink(static_cast<std::size_t>(piece.first));
}

float OverlayView::value_of(const TextPiece& piece) const {
  float value = 0;
  for (std::int64_t t = piece.first; masses_ != nullptr && t < piece.last; ++t) {
    const float mass = masses_->values[static_cast<std::size_t>(t)];
    const bool largest = job_.selection.pooling == Pooling::max;
    value = !largest ? value + mass : std::abs(mass) > std::abs(value) ? mass : value;
  }
  return value;
}

void OverlayView::text_line(const ViewContext& context, const TextLine& line, ImVec2 at,
                            float height) const {
  const OverlayOptions& options = context.state.view.overlay;
  const Theme& theme = context.theme;
  const auto& documents = job_.prompt->documents;
  const auto is_gold = [&](std::int64_t token) {
    return std::any_of(documents.begin(), documents.end(), [&](const DocumentView& document) {
      return document.gold && document.tokens.contains(token);
    });
  };
  ImDrawList& list = *ImGui::GetWindowDrawList();
  for (std::uint32_t i = line.first; i < line.last; ++i) {
    const TextPiece& piece = text_.pieces()[text_.runs()[i].piece];
    const float width = text_.width_of(line, i);
    const ImVec2 top(at.x, at.y + 1), end(at.x + width, at.y + height - 1);
    const bool masked = is_masked(options, piece);
    const float value = masked ? 0 : value_of(piece);
    const ImU32 background = scale_.color(value);
    if (value != 0) list.AddRectFilled(top, end, background);
    if (masked) list.AddRect(top, end, with_alpha(theme.sink, 0.7f));
    if (piece.is_token() && is_gold(piece.first)) {
      list.AddRectFilled(ImVec2(top.x, end.y - em() * 0.1f), end, theme.gold);
    }
    if (options.mark_touched && piece.is_token() && touched_.marks(piece.first))
      list.AddRectFilled(top, ImVec2(end.x, top.y + em() * 0.1f), theme.accent);
    if (piece.first == hovered_token_ && piece.is_token()) list.AddRect(top, end, theme.selection);
    const bool plain = !piece.is_token() || piece.hidden;
    draw_run(list, at, plain && value == 0 ? theme.muted : ink_on(theme, background),
             text_.text_of(line, i));
    at.x += width;
  }
}

// Document of the line's first token that has one; -1 = none.
int OverlayView::document_of(const TextLine& line) const {
  const auto& documents = job_.prompt->documents;
  for (std::uint32_t i = line.first; i < line.last; ++i) {
    const TextPiece& piece = text_.pieces()[text_.runs()[i].piece];
    if (!piece.is_token()) continue;
    // Documents stand in the order of the text.
    const auto after =
        std::partition_point(documents.begin(), documents.end(),
                             [&](const DocumentView& d) { return d.tokens.end <= piece.first; });
    if (after != documents.end() && after->tokens.contains(piece.first))
      return static_cast<int>(after - documents.begin());
  }
  return -1;
}

// Beside a line: its document on the colour of its attention, and a bar where rows are edited.
void OverlayView::gutter(const ViewContext& context, const TextLine& line, ImVec2 at,
                         float height) const {
  const Theme& theme = context.theme;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const int document = document_of(line);
  const float width = gutter_width();
  if (document >= 0 && masses_ != nullptr) {
    const auto index = static_cast<std::size_t>(document);
    TokenScale scale = scale_;
    scale.largest = masses_->largest_document;
    const ImU32 color = scale.color(masses_->documents[index]);
    const ImVec2 from(at.x, at.y), to(at.x + width - em() * 0.45f, at.y + height);
    list.AddRectFilled(from, to, color);
    if (document == hovered_document_)
      list.AddRectFilled(from, ImVec2(from.x + em() * 0.12f, to.y), theme.selection);
    const std::string number = std::to_string(job_.prompt->documents[index].number);
    const float size = em() * 0.8f;
    const bool begins =
        line.first == 0 ||
        document_of(text_.lines()[static_cast<std::size_t>(&line - text_.lines().data() - 1)]) !=
            document;
    if (begins)
      list.AddText(ImGui::GetFont(), size,
                   ImVec2(from.x + em() * 0.15f, at.y + (height - size) * 0.5f),
                   ink_on(theme, color), number.c_str());
  }
  if (!context.state.view.overlay.mark_touched) return;
  for (std::uint32_t i = line.first; i < line.last; ++i) {
    const TextPiece& piece = text_.pieces()[text_.runs()[i].piece];
    if (!piece.is_token() || !touched_.edits_row(piece.first)) continue;
    list.AddRectFilled(ImVec2(at.x + width - em() * 0.35f, at.y),
                       ImVec2(at.x + width - em() * 0.22f, at.y + height), theme.accent);
    return;
  }
}

// Keys that the mouse points at: a token, or a whole document in the margin.
TokenRange OverlayView::pointed_keys() const {
  if (hovered_token_ >= 0) return {hovered_token_, hovered_token_ + 1};
  if (hovered_document_ < 0 || hovered_document_ >= std::ssize(job_.prompt->documents)) return {};
  return job_.prompt->documents[static_cast<std::size_t>(hovered_document_)].tokens;
}

// What is at `offset` from the first line's beginning.
void OverlayView::point(ImVec2 offset, float height, float gutter) {
  const auto line = static_cast<std::size_t>(offset.y / height);
  if (line >= text_.lines().size()) return;
  if (offset.x < gutter) {
    hovered_document_ = document_of(text_.lines()[line]);
    return;
  }
  const int piece = text_.piece_at(line, offset.x - gutter);
  if (piece >= 0 && text_.pieces()[static_cast<std::size_t>(piece)].is_token())
    hovered_token_ = text_.pieces()[static_cast<std::size_t>(piece)].first;
}

// Looks through all tokens, when somebody asks or a prompt is painted for the first time.
void OverlayView::scroll_to_largest(const OverlayOptions& options, float room) {
  if (!show_largest_ || masses_ == nullptr) return;
  show_largest_ = false;
  std::size_t best_line = 0;
  float best = 0;
  for (std::size_t line = 0; line < text_.lines().size(); ++line) {
    for (auto i = text_.lines()[line].first; i < text_.lines()[line].last; ++i) {
      const TextPiece& piece = text_.pieces()[text_.runs()[i].piece];
      const float value = is_masked(options, piece) ? 0 : std::abs(value_of(piece));
      if (value <= best) continue;
      best = value;
      best_line = line;
    }
  }
  ImGui::SetScrollY(std::max(0.0f, static_cast<float>(best_line) * line_height() - room * 0.4f));
}

void OverlayView::text(ViewContext& context) {
  if (text_of_ != job_.prompt || text_font_ != em()) {
    show_largest_ = show_largest_ || text_of_ != job_.prompt;
    text_of_ = job_.prompt;
    text_font_ = em();
    text_.set(prompt_pieces(*job_.prompt), measure_of_font());
  }
  const float footer = ImGui::GetTextLineHeightWithSpacing();
  const float room = std::max(ImGui::GetContentRegionAvail().y - footer, em() * 2);
  hovered_token_ = hovered_document_ = -1;
  if (ImGui::BeginChild("text", ImVec2(0, room), ImGuiChildFlags_None,
                        ImGuiWindowFlags_AlwaysVerticalScrollbar)) {
    const float height = line_height();
    const float margin = job_.prompt->documents.empty() ? em() * 0.5f : gutter_width();
    const float width = std::max(ImGui::GetContentRegionAvail().x - margin, em());
    text_.wrap(width);
    scroll_to_largest(context.state.view.overlay, room);
    const ImVec2 origin = ImGui::GetCursorScreenPos();
    const auto count = static_cast<std::int64_t>(text_.lines().size());
    const auto first = static_cast<std::int64_t>(ImGui::GetScrollY() / height);
    const auto last = std::min(count, first + static_cast<std::int64_t>(room / height) + 2);
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    if (ImGui::IsWindowHovered() && mouse.x >= origin.x && mouse.y >= origin.y)
      point(ImVec2(mouse.x - origin.x, mouse.y - origin.y), height, margin);
    for (std::int64_t line = first; line < last; ++line) {
      const TextLine& shown = text_.lines()[static_cast<std::size_t>(line)];
      const ImVec2 at(origin.x, origin.y + static_cast<float>(line) * height);
      gutter(context, shown, at, height);
      text_line(context, shown, ImVec2(at.x + margin, at.y), height);
    }
    ImGui::Dummy(ImVec2(width, static_cast<float>(count) * height));
  }
  ImGui::EndChild();
}

void OverlayView::legend(const ViewContext& context) {
  if (masses_ == nullptr) return text_muted(context, "...");
  const std::string sink =
      "sink " + (job_.baseline ? format_delta(masses_->sink) : format_mass(masses_->sink));
  const float width = ImGui::CalcTextSize(sink.c_str()).x;
  scale_line(context, scale_, ImGui::GetContentRegionAvail().x - width - em());
  same_line_right(width);
  text_muted(context, sink);
  ImGui::SetItemTooltip("Attention on tokens 0 and 1%s",
                        context.state.view.overlay.mask_sink ? ", which are not painted" : "");
}

// The response tokens that look most at what the mouse points at.
void OverlayView::looked_at_from(const ViewContext& context) const {
  constexpr std::size_t kShown = 5;
  const auto* back = rows_.shown();
  if (back == nullptr || !(back->first.keys == pointed_keys()) || back->second.empty()) return;
  const std::vector<float>& values = back->second;
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  const std::size_t shown = std::min(kShown, order.size());
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), order.end(),
      [&](std::size_t a, std::size_t b) { return std::abs(values[a]) > std::abs(values[b]); });
  ImGui::Separator();
  text_muted(context, job_.baseline ? "changed most at" : "looked at most from");
  for (std::size_t i = 0; i < shown && order[i] < job_.run->response.size(); ++i) {
    ImGui::Text("%s  %zu  %s", format_weight(values[order[i]]).c_str(), order[i],
                shown_token(job_.run->response[order[i]].text).c_str());
  }
}

// The token or document under the mouse, and who looks at it most.
void OverlayView::tooltip(const ViewContext& context) {
  if (pointed_keys().size() == 0 || masses_ == nullptr) return;
  (void)rows_.newest();
  ImGui::BeginTooltip();
  const char* pooling = name_of(job_.selection.pooling);
  if (hovered_token_ < 0) {
    const auto index = static_cast<std::size_t>(hovered_document_);
    const DocumentView& document = job_.prompt->documents[index];
    ImGui::Text("document %d%s  %s", document.number, document.gold ? " (gold)" : "",
                document.title.c_str());
    text_muted(context, count_of(static_cast<std::size_t>(document.tokens.size()), "token"));
    ImGui::Text("%s %s", pooling, format_weight(masses_->documents[index]).c_str());
  } else {
    const auto token = static_cast<std::size_t>(hovered_token_);
    ImGui::Text("token %lld  %s", static_cast<long long>(hovered_token_),
                shown_token(job_.prompt->tokens[token].text).c_str());
    text_muted(context, place_of(*job_.prompt, hovered_token_));
    ImGui::Text("%s %s", pooling, format_weight(masses_->values[token]).c_str());
    if (touched_.marks(hovered_token_)) text_muted(context, "marked key (S)");
    if (touched_.edits_row(hovered_token_)) text_muted(context, "its row is edited");
  }
  looked_at_from(context);
  ImGui::EndTooltip();
}

void OverlayView::draw(ViewContext& context) {
  if (!find_runs(context)) {
    empty_note(context, "The prompt, painted by attention", "It appears with the first run.");
    return;
  }
  const OverlayOptions& options = context.state.view.overlay;
  toolbar(context);
  response(context);
  job_.selection.heads = context.state.overlay_heads();
  if (job_.run->rows.size() == 0 || !has_weights(*job_.run, job_.selection) ||
      (job_.baseline && !has_weights(*job_.baseline, job_.selection)))
    return missing(context);
  ask(context);
  scale_ = {&context.theme, 0, options.logarithmic, job_.baseline != nullptr};
  if (masses_ != nullptr)
    scale_.largest = options.mask_sink ? masses_->largest_text : masses_->largest;
  ImGui::Spacing();
  text(context);
  legend(context);
  tooltip(context);
}

}  // namespace headscope
