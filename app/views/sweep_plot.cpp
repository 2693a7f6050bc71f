#include "app/views/sweep_plot.h"

#include <implot.h>

#include <algorithm>
#include <map>
#include <set>
#include <system_error>
#include <tuple>
#include <utility>

#include "app/views/item_keys.h"
#include "core/base/file.h"

namespace headscope {
namespace {

constexpr std::uint64_t kMostTable = 16u << 20;
constexpr double kLookInterval = 0.5;  // seconds

double number(const SweepRow& row, const char* key) {
  const auto found = row.summary.find(key);
  return found != row.summary.end() && found->is_number() ? found->get<double>() : 0.0;
}

std::string name_of(const SweepCell& cell, bool over_positions) {
  if (cell.method == SweepMethod::none) return "no intervention";
  std::string name;
  if (cell.tau) name = "tau " + shortest_number(*cell.tau);
  if (cell.alpha) name = "alpha " + shortest_number(*cell.alpha);
  if (over_positions && cell.top_k) name += ", top " + std::to_string(*cell.top_k);
  if (cell.heads == CellHeads::random) name += ", random heads";
  if (cell.method == SweepMethod::random_directions) name += ", random directions";
  return name;
}

// The draws of a control at one x.
struct Draws {
  double sum = 0, low = 1, high = 0;
  int count = 0;
  SweepCell cell = {};  ///< of the first

  void add(const SweepCell& of, double em, double least, double most) {
    if (count == 0) cell = of;
    sum += em;
    low = std::min(low, least);
    high = std::max(high, most);
    ++count;
  }
};

struct Key {
  bool control;
  SweepMethod method;
  double strength;
  int top_k;  ///< over positions; else 0
  std::string name;
  friend bool operator<(const Key& a, const Key& b) {
    return std::tie(a.control, a.method, a.strength, a.top_k, a.name) <
           std::tie(b.control, b.method, b.strength, b.top_k, b.name);
  }
};

using Points = std::map<Key, std::map<double, Draws>>;

void add_row(const SweepRow& row, bool over_positions, Points& points, SweepCurves& curves) {
  const SweepCell& cell = row.cell;
  const double em = number(row, "em");
  if (!over_positions && cell.method == SweepMethod::none) {
    const char* name = cell.prompt == PromptKind::gold_only ? "gold only"
                       : cell.prompt == PromptKind::no_gold ? "all but gold"
                                                            : "all documents";
    curves.levels.push_back({name, em});
    return;
  }
  if (over_positions && cell.prompt != PromptKind::all) return;
  const double x = over_positions ? static_cast<double>(cell.gold_position.value_or(0))
                                  : static_cast<double>(cell.top_k.value_or(0));
  const bool control = cell.is_control();
  const Key key{control, cell.method, cell.tau.value_or(cell.alpha.value_or(0)),
                over_positions ? cell.top_k.value_or(0) : 0, name_of(cell, over_positions)};
  points[key][x].add(cell, em, control ? em : number(row, "em_low"),
                     control ? em : number(row, "em_high"));
}

ImVec4 level_color(const ViewContext& context) {
  return ImGui::ColorConvertU32ToFloat4(context.theme.muted);
}

void draw_levels(const ViewContext& context, const SweepCurves& curves) {
  for (const SweepCurves::Level& level : curves.levels) {
    ImPlotSpec spec;
    spec.LineColor = level_color(context);
    spec.Flags = static_cast<int>(ImPlotInfLinesFlags_Horizontal) | ImPlotItemFlags_NoLegend;
    ImPlot::PlotInfLines(("##" + level.name).c_str(), &level.em, 1, spec);
    const ImPlotRect limits = ImPlot::GetPlotLimits();
    const ImVec2 size = ImGui::CalcTextSize(level.name.c_str());
    ImPlot::PlotText(level.name.c_str(), limits.X.Max, level.em,
                     ImVec2(-size.x * 0.5f - em() * 0.3f, -size.y * 0.5f));
  }
}

void draw_curve(const SweepCurve& curve, int color) {
  const int count = static_cast<int>(curve.x.size());
  ImPlotSpec spec;
  spec.LineColor = ImPlot::GetColormapColor(color);
  spec.LineWeight = curve.control ? 1.0f : 2.0f;
  spec.Marker = curve.control ? ImPlotMarker_Cross : ImPlotMarker_Circle;
  spec.MarkerFillColor = spec.LineColor;
  spec.MarkerLineColor = spec.LineColor;
  spec.MarkerSize = em() * 0.22f;
  ImPlotSpec band = spec;
  band.FillColor = spec.LineColor;
  band.FillAlpha = 0.15f;
  ImPlot::PlotShaded(curve.name.c_str(), curve.x.data(), curve.low.data(), curve.high.data(), count,
                     band);
  ImPlot::PlotLine(curve.name.c_str(), curve.x.data(), curve.em.data(), count, spec);
}

void point_tooltip(const SweepCurves& curves, const SweepCurve& curve, std::size_t at,
                   const char* keys) {
  ImGui::SetTooltip("%s\n%s %g\nexact match %.3f  [%.3f, %.3f]\n%s", curve.name.c_str(),
                    curves.x_label.c_str(), curve.x[at], curve.em[at], curve.low[at],
                    curve.high[at], keys);
}

// The point under the mouse, in numbers; its cell when it is clicked.
const SweepCell* point_under_mouse(const SweepCurves& curves) {
  if (!ImPlot::IsPlotHovered()) return nullptr;
  const ImVec2 mouse = ImGui::GetMousePos();
  const SweepCurve* nearest = nullptr;
  std::size_t at = 0;
  float best = em() * em();
  for (const SweepCurve& curve : curves.curves) {
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      const ImVec2 point = ImPlot::PlotToPixels(curve.x[i], curve.em[i]);
      const float distance =
          (point.x - mouse.x) * (point.x - mouse.x) + (point.y - mouse.y) * (point.y - mouse.y);
      if (distance >= best) continue;
      best = distance;
      nearest = &curve;
      at = i;
    }
  }
  if (nearest == nullptr) return nullptr;
  point_tooltip(curves, *nearest, at, "Click: the prompt in front with this setting");
  return ImGui::IsMouseClicked(ImGuiMouseButton_Left) ? &nearest->cells[at] : nullptr;
}

// The values that were tried, each once, with room beside them.
void set_up_x(const SweepCurves& curves) {
  std::set<double> tried;
  for (const SweepCurve& curve : curves.curves) tried.insert(curve.x.begin(), curve.x.end());
  if (tried.empty()) tried = {0, 1};
  const double room = std::max(0.5, (*tried.rbegin() - *tried.begin()) * 0.04);
  ImPlot::SetupAxisLimits(ImAxis_X1, *tried.begin() - room, *tried.rbegin() + room,
                          ImPlotCond_Always);
  const std::vector<double> ticks(tried.begin(), tried.end());
  std::vector<std::string> labels;
  std::vector<const char*> pointers;
  for (const double x : ticks) labels.push_back(shortest_number(x));
  for (const std::string& label : labels) pointers.push_back(label.c_str());
  ImPlot::SetupAxisTicks(ImAxis_X1, ticks.data(), static_cast<int>(ticks.size()), pointers.data());
}

}  // namespace

SweepCurves curves_of(const std::vector<SweepRow>& rows) {
  SweepCurves curves;
  const bool over_positions = std::any_of(
      rows.begin(), rows.end(), [](const SweepRow& row) { return row.cell.gold_position; });
  curves.x_label = over_positions ? "gold position" : "heads acted on";
  Points points;
  for (const SweepRow& row : rows) add_row(row, over_positions, points, curves);
  for (const auto& [key, places] : points) {
    SweepCurve curve;
    curve.name = key.name;
    curve.control = key.control;
    for (const auto& [x, draws] : places) {
      curve.x.push_back(x);
      curve.em.push_back(draws.sum / draws.count);
      curve.low.push_back(draws.low);
      curve.high.push_back(draws.high);
      curve.cells.push_back(draws.cell);
    }
    curves.curves.push_back(std::move(curve));
  }
  return curves;
}

InterventionSettings settings_of(const SweepCell& cell, InterventionSettings now) {
  now.tau = cell.tau.value_or(1);
  now.alpha = cell.alpha.value_or(0);
  now.also.clear();
  if (cell.top_k) now.top_k = *cell.top_k;
  now.choice = cell.heads == CellHeads::random ? HeadChoice::random : HeadChoice::contextual;
  if (cell.heads == CellHeads::random && cell.seed) now.random_seed = *cell.seed;
  return now;
}

void SweepPlot::read(const std::filesystem::path& table) {
  std::error_code problem;
  const auto written = std::filesystem::last_write_time(table, problem);
  if (table != table_) {
    curves_ = {};
    problem_.clear();
  } else if (written == written_) {
    return;
  }
  table_ = table;
  if (problem) return;
  written_ = written;
  const Result<std::string> text = read_text_file(table, kMostTable);
  const auto rows = text ? parse_sweep_table(*text, table.string())
                         : Result<std::vector<SweepRow>>(tl::unexpected<Error>(text.error()));
  problem_ = rows ? "" : rows.error().message;
  if (rows) curves_ = curves_of(*rows);
}

// Left and right go along a curve, up and down to another one; takes effect in the next frame.
const SweepCell* SweepPlot::cell_by_keys(const ViewContext& context, const SweepCurve& curve,
                                         ImVec2 at) {
  const auto point = static_cast<std::size_t>(point_);
  const CellStep step = item_arrows(context);
  curve_ += step.down;
  point_ += step.right;
  const float half = em() * 0.3f;
  const ImVec2 min(at.x - half, at.y - half), max(at.x + half, at.y + half);
  cell_ring(context, min, max);
  const bool chosen = item_enter(context);
  if (pointed_by_keys()) {
    tooltip_beside(min, max);
    point_tooltip(curves_, curve, point, "Enter: the prompt in front with this setting");
  }
  return chosen ? &curve.cells[point] : nullptr;
}

void SweepPlot::draw_plot(ViewContext& context) {
  const ImPlotFlags flags = ImPlotFlags_NoMenus | ImPlotFlags_NoBoxSelect | ImPlotFlags_NoMouseText;
  if (!ImPlot::BeginPlot("##sweep", ImVec2(-1, -1), flags)) return;
  ImPlot::SetupAxes(curves_.x_label.c_str(), "exact match", ImPlotAxisFlags_NoGridLines,
                    ImPlotAxisFlags_Lock);
  ImPlot::SetupAxisLimits(ImAxis_Y1, -0.03, 1.09, ImPlotCond_Always);
  set_up_x(curves_);
  ImPlot::SetupLegend(ImPlotLocation_East, ImPlotLegendFlags_Outside);
  draw_levels(context, curves_);
  int color = 0;
  for (const SweepCurve& curve : curves_.curves) draw_curve(curve, color++);
  const SweepCell* chosen = point_under_mouse(curves_);
  const SweepCurve* curve = nullptr;
  ImVec2 at(0, 0);
  if (!curves_.curves.empty()) {
    curve_ = std::clamp(curve_, 0, static_cast<int>(curves_.curves.size()) - 1);
    curve = &curves_.curves[static_cast<std::size_t>(curve_)];
    point_ = std::clamp(point_, 0, static_cast<int>(curve->x.size()) - 1);
    const auto point = static_cast<std::size_t>(point_);
    at = ImPlot::PlotToPixels(curve->x[point], curve->em[point]);
  }
  const ImVec2 corner = ImPlot::GetPlotPos(), size = ImPlot::GetPlotSize();
  ImPlot::EndPlot();
  if (curve != nullptr) {
    key_area("points", corner, ImVec2(corner.x + size.x, corner.y + size.y));
    if (const SweepCell* cell = cell_by_keys(context, *curve, at)) chosen = cell;
  }
  if (chosen == nullptr) return;
  InterventionSettings& settings = context.state.request.intervention;
  settings = settings_of(*chosen, settings);
}

void SweepPlot::draw(ViewContext& context, const std::filesystem::path& table) {
  if (table != table_ || ImGui::GetTime() - looked_ > kLookInterval) {
    looked_ = ImGui::GetTime();
    read(table);
  }
  if (!problem_.empty()) return empty_note(context, "The table cannot be read", problem_);
  if (curves_.curves.empty() && curves_.levels.empty()) {
    return empty_note(context, "No cell is finished yet", "Curves grow while the sweep runs.");
  }
  ImPlot::PushStyleVar(ImPlotStyleVar_PlotPadding, ImVec2(em() * 0.2f, em() * 0.3f));
  ImPlot::PushStyleVar(ImPlotStyleVar_LabelPadding, ImVec2(em() * 0.3f, em() * 0.1f));
  ImPlot::PushStyleVar(ImPlotStyleVar_PlotMinSize, ImVec2(em() * 8, em() * 4));
  draw_plot(context);
  ImPlot::PopStyleVar(3);
}

}  // namespace headscope
