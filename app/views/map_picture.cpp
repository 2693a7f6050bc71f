#include "app/views/map_picture.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace headscope {
namespace {

constexpr float kLogFloor = 1e-4f;   // smaller weights all look like nothing
constexpr float kLeastLow = 1e-8f;   // of a logarithmic scale
constexpr float kLeastHigh = 1e-6f;  // where everything is zero

float value_at(const HeatmapData& data, std::int64_t row, std::int64_t column) {
  if (data.empty() || row >= data.rows || column >= data.columns) return 0;
  return data.values[row * data.columns + column];
}

HeatmapData rows_of(const std::shared_ptr<const RunResult>& run, HeadId head) {
  if (!run || head.layer >= run->layers || head.head >= run->heads || !run->has_weights(head))
    return {};
  return {run->weights[run->index(head)], run->row(head, 0), run->keys, run->rows.size()};
}

HeatmapData full_of(const std::shared_ptr<const FullMap>& map, HeadId head) {
  if (!map || !map->weights || map->head != head) return {};
  return {map->weights, map->weights->data(), map->side(), map->side()};
}

HeatmapData exact_of(const std::shared_ptr<const FullMap>& map, const MapRegion& region) {
  if (!map || map->exact.empty() || !(map->region == region)) return {};
  return {map, map->exact.data(), region.columns.size(), region.rows.size()};
}

std::shared_ptr<const GroupedMap> groups_of(const std::shared_ptr<const FullMap>& map,
                                            TokenGrouping grouping) {
  return map && map->region.groups == grouping ? map->groups : nullptr;
}

// The next of 1, 2, 5, 10 ... times a power of ten: a scale that moves in steps.
float rounded_up(float value) {
  const float power = std::pow(10.0f, std::floor(std::log10(std::max(value, kLeastHigh))));
  for (const float step : {1.0f, 2.0f, 5.0f}) {
    if (value <= step * power * 1.0001f) return step * power;
  }
  return 10 * power;
}

// Ends of the scale by the options: first, last.
std::pair<float, float> range_of(const MapOptions& options, const MapPicture& picture,
                                 bool logarithmic) {
  const MapDigest* digest = picture.digest;
  const float floor = logarithmic ? kLogFloor : 0.0f;
  if (options.range == MapRange::manual) return {options.low, options.high};
  if (options.range == MapRange::percentile && digest != nullptr) {
    const MapStatistics& found = digest->statistics;
    return {logarithmic && !picture.difference ? found.clip_low : floor, found.clip_high};
  }
  if (digest == nullptr || (logarithmic && !options.mask_sink)) return {floor, 1.0f};
  return {floor, rounded_up(digest->largest)};
}

// ... as they can be drawn.
figure::ColorRange drawable_range(const MapOptions& options, const MapPicture& picture,
                                  bool logarithmic) {
  auto [low, high] = range_of(options, picture, logarithmic);
  if (picture.difference && !logarithmic) low = 0;
  if (logarithmic) low = std::max(low, kLeastLow);
  if (logarithmic && options.range == MapRange::automatic) low = std::min(low, high * 0.01f);
  return {low, std::max({high, low * 1.01f, low + kLeastLow, kLeastHigh})};
}

}  // namespace

std::int64_t MapPicture::axis_columns() const {
  return grouped ? static_cast<std::int64_t>(digest->groups.groups.size()) : columns;
}
std::int64_t MapPicture::axis_rows() const {
  return has_row_groups() ? static_cast<std::int64_t>(digest->groups.groups.size()) : rows;
}

const TokenGroup* MapPicture::column_group(std::int64_t column) const {
  return grouped ? &digest->groups.groups[static_cast<std::size_t>(column)] : nullptr;
}
const TokenGroup* MapPicture::row_group(std::int64_t row) const {
  return has_row_groups() ? &digest->groups.groups[static_cast<std::size_t>(row)] : nullptr;
}

bool MapPicture::exact_at(std::int64_t row, std::int64_t column) const {
  return cell == 1 ||
         (!exact.empty() && region.rows.contains(row) && region.columns.contains(column));
}

float MapPicture::value(bool of_baseline, std::int64_t row, std::int64_t column) const {
  if (cell > 1 && exact_at(row, column)) {
    return value_at(of_baseline ? exact_baseline : exact, row - region.rows.begin,
                    column - region.columns.begin);
  }
  return value_at(of_baseline ? baseline : shown, row / cell, column / cell);
}

float MapPicture::axis_value(bool of_baseline, std::int64_t row, std::int64_t column) const {
  if (!grouped) return value(of_baseline, row, column);
  return value_at(of_baseline ? digest->baseline : digest->shown, row, column);
}

const TokenView* MapPicture::token(std::int64_t position) const {
  if (position < prompt->prompt_tokens())
    return &prompt->tokens[static_cast<std::size_t>(position)];
  const auto index = static_cast<std::size_t>(position - prompt->prompt_tokens());
  return run && index < run->response.size() ? &run->response[index] : nullptr;
}

std::string MapPicture::column_label(std::int64_t column) const {
  const TokenGroup* group = column_group(column);
  return group != nullptr ? group->label : token_label(token(column));
}

std::string MapPicture::row_label(std::int64_t row) const {
  const TokenGroup* group = row_group(row);
  return group != nullptr ? group->label : token_label(token(first_row + row));
}

bool find_picture(const ViewContext& context, MapPicture& picture) {
  const AppState& state = context.state;
  const Snapshot& snapshot = *state.snapshot;
  const HeadId head = state.request.selected;
  const bool use_baseline = state.view.map_source == MapSource::baseline;
  const bool full = picture.full = state.request.want_full_map;
  const HeatmapData base =
      full ? full_of(snapshot.full_map_baseline, head) : rows_of(snapshot.baseline, head);
  const HeatmapData edited =
      full ? full_of(snapshot.full_map, head) : rows_of(snapshot.intervened, head);
  picture.prompt = snapshot.prompt;
  picture.shown = use_baseline ? base : edited;
  picture.baseline = base;
  picture.difference = state.view.map_source == MapSource::difference;
  picture.run = use_baseline || !snapshot.intervened ? snapshot.baseline : snapshot.intervened;
  if (picture.shown.empty() || !picture.run || !picture.prompt) return false;
  picture.columns = picture.shown.columns;
  picture.rows = picture.shown.rows;
  picture.first_row = full ? 0 : picture.run->rows.begin;
  if (!full) return true;
  const auto& chosen = use_baseline ? snapshot.full_map_baseline : snapshot.full_map;
  picture.cell = chosen->cell();
  picture.region = chosen->region;
  picture.columns = picture.rows = chosen->tokens;
  picture.exact = exact_of(chosen, picture.region);
  picture.exact_baseline = exact_of(snapshot.full_map_baseline, picture.region);
  picture.groups = groups_of(chosen, state.view.map.grouping);
  picture.groups_baseline = groups_of(snapshot.full_map_baseline, state.view.map.grouping);
  if (picture.baseline.columns != picture.shown.columns) {
    picture.baseline = {};
    picture.groups_baseline = nullptr;
  }
  return true;
}

DigestJob digest_job(const ViewOptions& view, const MapPicture& picture) {
  DigestJob job;
  job.shown = picture.shown;
  job.baseline = picture.baseline;
  job.prompt = picture.prompt;
  job.tokens = picture.columns;
  job.response_tokens = picture.columns - picture.prompt->prompt_tokens();
  job.cell = picture.cell;
  job.first_row = picture.first_row;
  job.full = picture.full;
  job.difference = picture.difference;
  job.grouping = view.map.grouping;
  job.pooling = view.map.pooling;
  job.mask_sink = view.map.mask_sink;
  job.groups = picture.groups;
  job.groups_baseline = picture.groups_baseline;
  if (view.map.range == MapRange::percentile) job.clip = view.map.percentile / 100;
  return job;
}

void style_picture(const ViewContext& context, MapPicture& picture) {
  const ViewOptions& view = context.state.view;
  HeatmapStyle& style = picture.style;
  style.difference = picture.difference;
  style.palette = style.difference ? context.theme.diverging : view.palette;
  style.causal = picture.grouped ? -1 : picture.first_row;
  const std::int64_t rows = picture.grouped ? picture.axis_rows() : picture.shown.rows;
  const bool fits = picture.digest != nullptr && picture.digest->row_scale.rows == rows;
  if (view.map.mask_sink) style.left_out = picture.grouped || picture.cell > 1 ? 1 : 2;
  if (view.map.per_row && fits) {
    style.rows = picture.digest->row_scale;
    return;  // 0 to 1: shares of the row's largest weight
  }
  style.logarithmic = view.map_logarithmic && !view.map.per_row;
  const figure::ColorRange range = drawable_range(view.map, picture, style.logarithmic);
  style.low = range.low;
  style.high = range.high;
}

std::optional<figure::ColorRange> chosen_range(const MapOptions& options, const MapPicture& picture,
                                               bool logarithmic) {
  if (options.per_row || options.range == MapRange::automatic) return std::nullopt;
  return drawable_range(options, picture, logarithmic);
}

std::string token_label(const TokenView* token) {
  if (token == nullptr) return "?";
  std::string label;
  for (const char c : token->text) label += c == '\n' ? std::string("\\n") : std::string(1, c);
  const std::size_t first = label.find_first_not_of(' ');
  if (first == std::string::npos) return label.empty() ? "(empty)" : "(blank)";
  label.erase(label.find_last_not_of(' ') + 1);
  return label.substr(first);
}

}  // namespace headscope
