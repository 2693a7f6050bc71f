// Which heads the ranking lists, in which order, and the numbers in its columns.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "app/views/app_state.h"
#include "app/views/head_filter.h"

namespace headscope {

/// The score that a column shows; nothing for rank, head and change.
std::optional<MapScore> score_of_column(HeadColumn column);
/// The column that shows a score of the head map.
std::optional<HeadColumn> column_of_score(MapScore score);

/// What a column is called and means.
struct ColumnName {
  const char* name;
  const char* note;
};
ColumnName name_of(HeadColumn column, bool has_head_set);

/// Numbers of every column for one state of the window: of the baseline, but for `change`.
class HeadTable {
 public:
  /// Once a frame; what did not change is not worked out again.
  void update(AppState& state, const std::string& search);

  /// Pinned heads first, each part in the order that was asked for.
  const std::vector<HeadId>& order() const { return order_; }
  std::size_t pinned() const { return pinned_; }  ///< how many of them are there because of that
  const HeadFilter& filter() const { return filter_; }

  /// NaN where nothing is known.
  double value(HeadColumn column, HeadId head) const;
  std::string text(HeadColumn column, HeadId head) const;
  bool has(HeadColumn column) const;  ///< some head has a number

 private:
  // What the order depends on; arrays are known by their owners, which it does not keep alive.
  struct Key {
    std::string search;
    HeadListOptions options;
    std::vector<HeadId> on;
    int layers = 0, heads = 0;
    std::array<std::weak_ptr<const void>, head_columns> owners;
  };
  bool same(const Key& key) const;
  void collect(AppState& state);
  void arrange(const AppState& state);

  // A copy of one column's numbers, [layers * heads]: the runs they come from may go.
  struct Numbers {
    std::weak_ptr<const void> owner;
    std::vector<float> values;

    void take(const ScoreValues& score);
    bool any() const;
  };
  const Numbers& of(HeadColumn column) const { return values_[static_cast<std::size_t>(column)]; }
  float at(const Numbers& numbers, HeadId head) const;

  Key key_;
  std::array<Numbers, head_columns> values_;
  Numbers edited_;  ///< relevant mass of the intervened run; empty where there is none
  std::vector<int> ranks_;
  int layers_ = 0, heads_ = 0;
  HeadFilter filter_;
  std::vector<HeadId> order_;
  std::size_t pinned_ = 0;
};

}  // namespace headscope
