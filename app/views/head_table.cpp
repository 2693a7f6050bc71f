#include "app/views/head_table.h"

#include <algorithm>
#include <cmath>

namespace headscope {
namespace {

std::size_t place(HeadColumn column) {
  return static_cast<std::size_t>(column);
}

bool same_owner(const std::weak_ptr<const void>& a, const std::weak_ptr<const void>& b) {
  return !a.owner_before(b) && !b.owner_before(a);
}

}  // namespace

std::optional<MapScore> score_of_column(HeadColumn column) {
  switch (column) {
    case HeadColumn::score:
      return MapScore::head_set;
    case HeadColumn::relevant:
      return MapScore::relevant;
    case HeadColumn::sink:
      return MapScore::sink;
    case HeadColumn::irrelevant:
      return MapScore::irrelevant_sum;
    case HeadColumn::entropy:
      return MapScore::entropy;
    case HeadColumn::distance:
      return MapScore::distance;
    case HeadColumn::drop:
      return MapScore::drop;
    case HeadColumn::similar:
      return MapScore::similar;
    case HeadColumn::rank:
    case HeadColumn::head:
    case HeadColumn::change:
      break;
  }
  return std::nullopt;
}

std::optional<HeadColumn> column_of_score(MapScore score) {
  for (int i = 0; i < head_columns; ++i) {
    const auto column = static_cast<HeadColumn>(i);
    if (score_of_column(column) == score) return column;
  }
  return std::nullopt;
}

ColumnName name_of(HeadColumn column, bool has_head_set) {
  if (column == HeadColumn::rank) return {"#", "Rank by contextual score"};
  if (column == HeadColumn::head) return {"head", "Layer and head"};
  if (column == HeadColumn::change)
    return {"change", "Mass on the gold document: intervened minus baseline"};
  if (column == HeadColumn::relevant && has_head_set)
    return {"here", "Mass on the gold document in this run (baseline)"};
  const ScoreName& name = name_of(*score_of_column(column));
  return {name.column, name.note};
}

void HeadTable::Numbers::take(const ScoreValues& score) {
  if (same_owner(owner, score.owner) && (score.values != nullptr) == !values.empty()) return;
  owner = score.owner;
  values.clear();
  if (score.values != nullptr) values = *score.values;
}

bool HeadTable::Numbers::any() const {
  return std::any_of(values.begin(), values.end(), [](float value) { return !std::isnan(value); });
}

float HeadTable::at(const Numbers& numbers, HeadId head) const {
  const auto index = static_cast<std::size_t>(head.layer) * static_cast<std::size_t>(heads_) +
                     static_cast<std::size_t>(head.head);
  return index < numbers.values.size() ? numbers.values[index] : NAN;
}

void HeadTable::collect(AppState& state) {
  const ModelInfo* model = state.snapshot->model.get();
  layers_ = model != nullptr ? model->layers : 0;
  heads_ = model != nullptr ? model->heads : 0;
  const auto wanted = [&](HeadColumn column) {
    const HeadListOptions& options = state.view.heads;
    return column == options.sort || column_of_score(state.view.score) == column ||
           std::find(options.extra.begin(), options.extra.end(), column) != options.extra.end() ||
           std::any_of(filter_.bounds.begin(), filter_.bounds.end(),
                       [&](const auto& bound) { return bound.column == column; });
  };
  const bool marked = score_of(state, MapScore::relevant, false).any();
  for (int i = 0; i < head_columns; ++i) {
    const auto column = static_cast<HeadColumn>(i);
    const auto score = score_of_column(column);
    // These cost something: only where they are looked at. Entropy and distance also stand in where
    // no document is marked.
    const bool spread = column == HeadColumn::entropy || column == HeadColumn::distance;
    const bool costly = spread || column == HeadColumn::similar;
    const bool shown = score && (!costly || wanted(column) || (spread && !marked));
    values_[place(column)].take(shown ? score_of(state, *score, false) : ScoreValues{});
  }
  const auto& edited = state.snapshot->intervened;
  edited_.take(edited && edited != state.snapshot->baseline
                   ? score_of(state, MapScore::relevant, true)
                   : ScoreValues{});
  ranks_.assign(static_cast<std::size_t>(layers_) * static_cast<std::size_t>(heads_), -1);
  for (int layer = 0; layer < layers_; ++layer) {
    for (int head = 0; head < heads_; ++head)
      ranks_[static_cast<std::size_t>(layer) * heads_ + head] = state.rank_of({layer, head});
  }
}

double HeadTable::value(HeadColumn column, HeadId head) const {
  if (column == HeadColumn::head) return static_cast<double>(head.layer) * heads_ + head.head;
  if (column == HeadColumn::rank) {
    const auto index = static_cast<std::size_t>(head.layer) * heads_ + head.head;
    const int rank = index < ranks_.size() ? ranks_[index] : -1;
    return rank < 0 ? NAN : rank + 1;
  }
  if (column == HeadColumn::change)
    return static_cast<double>(at(edited_, head) - at(of(HeadColumn::relevant), head));
  return static_cast<double>(at(of(column), head));
}

std::string HeadTable::text(HeadColumn column, HeadId head) const {
  const double number = value(column, head);
  if (column == HeadColumn::rank)
    return std::isnan(number) ? "-" : std::to_string(static_cast<int>(number));
  if (column == HeadColumn::change)
    return format_score_change(MapScore::relevant, static_cast<float>(number));
  const auto score = score_of_column(column);
  return score ? format_score(*score, static_cast<float>(number))
               : "L" + std::to_string(head.layer) + " H" + std::to_string(head.head);
}

bool HeadTable::has(HeadColumn column) const {
  if (column == HeadColumn::change) return edited_.any() && of(HeadColumn::relevant).any();
  return !score_of_column(column) || of(column).any();
}

bool HeadTable::same(const Key& key) const {
  if (key.search != key_.search || !(key.options == key_.options) || key.on != key_.on ||
      key.layers != key_.layers || key.heads != key_.heads)
    return false;
  for (int i = 0; i < head_columns; ++i) {
    const auto column = static_cast<std::size_t>(i);
    if (!same_owner(key.owners[column], key_.owners[column])) return false;
  }
  return true;
}

void HeadTable::arrange(const AppState& state) {
  const HeadListOptions& options = state.view.heads;
  const HeadColumn by = options.sort;
  order_.clear();
  for (int layer = 0; layer < layers_; ++layer) {
    for (int head = 0; head < heads_; ++head) {
      const HeadId id{layer, head};
      FilterFacts facts;
      facts.value = [&](HeadColumn column) { return value(column, id); };
      facts.pinned = options.is_pinned(id);
      facts.on = std::binary_search(key_.on.begin(), key_.on.end(), id);
      if (passes(filter_, id, by, facts)) order_.push_back(id);
    }
  }
  // What has no number comes last either way; ties by layer and head.
  std::stable_sort(order_.begin(), order_.end(), [&](HeadId a, HeadId b) {
    const double x = value(by, a), y = value(by, b);
    if (std::isnan(x) || std::isnan(y)) return !std::isnan(x);
    return options.descending ? x > y : x < y;
  });
  const auto rest = std::stable_partition(order_.begin(), order_.end(),
                                          [&](HeadId id) { return options.is_pinned(id); });
  pinned_ = static_cast<std::size_t>(rest - order_.begin());
}

void HeadTable::update(AppState& state, const std::string& search) {
  if (search != key_.search || order_.empty()) filter_ = parse_head_filter(search);
  collect(state);
  Key key;
  key.search = search;
  key.options = state.view.heads;
  key.on = state.chosen();
  std::sort(key.on.begin(), key.on.end());
  key.layers = layers_;
  key.heads = heads_;
  for (std::size_t i = 0; i < values_.size(); ++i) key.owners[i] = values_[i].owner;
  key.owners[place(HeadColumn::change)] = edited_.owner;
  key.owners[place(HeadColumn::rank)] = state.snapshot->baseline;
  if (same(key)) return;
  key_ = std::move(key);
  arrange(state);
}

}  // namespace headscope
