#include "app/views/map_digest.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace headscope {
namespace {

constexpr std::int64_t kCheapCells = 1 << 16, kCheapTokens = 4096;

MapRows rows_of(const HeatmapData& data, std::int64_t first_row) {
  return {data.values, data.rows, data.columns, first_row};
}

HeatmapData data_of(std::vector<float> values, std::int64_t columns, std::int64_t rows) {
  const auto kept = std::make_shared<const std::vector<float>>(std::move(values));
  return {kept, kept->data(), columns, rows};
}

// One group for every row.
std::vector<std::int32_t> each_row(std::int64_t rows) {
  std::vector<std::int32_t> of(static_cast<std::size_t>(rows));
  std::iota(of.begin(), of.end(), 0);
  return of;
}

HeatmapData grouped(const DigestJob& job, const HeatmapData& data, const PromptGroups& groups) {
  if (data.empty()) return {};
  // A baseline may be of a longer response than the groups know.
  MapRows map = rows_of(data, job.cell > 1 ? 0 : job.first_row);
  std::vector<std::int32_t> keys = groups.of;
  keys.resize(std::max(keys.size(), static_cast<std::size_t>(data.columns * job.cell)), -1);
  const AxisGroups columns{keys, static_cast<std::int64_t>(groups.groups.size())};
  const std::vector<std::int32_t> single = each_row(data.rows);
  const AxisGroups rows = job.full ? columns : AxisGroups{single, data.rows};
  auto cells = job.cell > 1 ? group_overview(map, job.cell, job.tokens, rows, columns)
                            : group_map(map, rows, columns, job.pooling);
  return data_of(std::move(cells), columns.count, rows.count);
}

HeatmapData grouped(const GroupedMap& map, Pooling pooling) {
  const auto side = static_cast<std::int64_t>(map.groups.groups.size());
  return data_of(map.cells(pooling), side, side);
}

// Both maps by their groups, the same way, so that they can be compared.
void group_both(const DigestJob& job, MapDigest& found) {
  const bool whole = job.groups && (job.groups_baseline || job.baseline.empty());
  if (whole) {
    found.groups = job.groups->groups;
    found.shown = grouped(*job.groups, job.pooling);
    if (job.groups_baseline) found.baseline = grouped(*job.groups_baseline, job.pooling);
    return;
  }
  found.overview = job.cell > 1;
  found.groups = prompt_groups(*job.prompt, job.response_tokens, job.grouping);
  found.shown = grouped(job, job.shown, found.groups);
  found.baseline = grouped(job, job.baseline, found.groups);
}

// Hidden pairs of groups are no numbers already.
std::int64_t first_row_of(const DigestJob& job) {
  if (job.grouping != TokenGrouping::none) return job.tokens;
  return job.cell > 1 ? 0 : job.first_row;
}

}  // namespace

bool DigestJob::is_cheap() const {
  return shown.rows * shown.columns <= kCheapCells &&
         (grouping == TokenGrouping::none || tokens <= kCheapTokens);
}

std::int64_t DigestJob::left_out() const {
  if (!mask_sink) return 0;
  return grouping == TokenGrouping::none && cell == 1 ? 2 : 1;
}

std::optional<MapDigest> digest(const DigestJob& job, const std::function<bool()>& is_stale) {
  MapDigest found;
  HeatmapData shown = job.shown, baseline = job.baseline;
  if (job.grouping != TokenGrouping::none) {
    group_both(job, found);
    if (is_stale()) return std::nullopt;
    shown = found.shown;
    baseline = found.baseline;
  }
  const MapRows map = rows_of(shown, first_row_of(job)),
                base = rows_of(baseline, first_row_of(job));
  auto statistics =
      map_statistics(map, job.difference ? base : MapRows{}, job.left_out(), job.clip, is_stale);
  if (!statistics) return std::nullopt;
  found.statistics = std::move(*statistics);
  found.largest = found.statistics.largest;
  if (!job.difference && !baseline.empty() && baseline.values != shown.values) {
    const auto other = map_statistics(base, {}, job.left_out(), 1, is_stale);
    if (!other) return std::nullopt;
    found.largest = std::max(found.largest, other->largest);
  }
  std::vector<float> rows;
  for (const RowStatistics& row : found.statistics.rows) rows.push_back(row.largest);
  const auto count = static_cast<std::int64_t>(rows.size());
  found.row_scale = data_of(std::move(rows), 1, count);
  return found;
}

}  // namespace headscope
