// The search field of the ranking: which heads a few words mean.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/views/head_options.h"

namespace headscope {

/// Terms, all of which a head must meet: "L3", "layer 3-5", "H7", "head 7", "L3 H7", "3.7"; a
/// column with a bound, "sink > 0.3", "entropy<=2", or a bound alone, ">0.1", for the column that
/// is sorted by; "pinned" and "on" (acted on).
struct HeadFilter {
  struct Bound {
    std::optional<HeadColumn> column;  ///< nothing = the one that is sorted by
    std::string comparison;            ///< "<", "<=", ">", ">=", "="
    double value = 0;
  };
  struct Range {
    int first = 0, last = 0;
    bool contains(int number) const { return number >= first && number <= last; }
  };
  std::vector<Range> layers, heads;
  std::vector<Bound> bounds;
  bool pinned = false, on = false;
  std::string not_understood;  ///< the first word that means nothing; then nothing is filtered

  bool empty() const { return layers.empty() && heads.empty() && bounds.empty() && !pinned && !on; }
};

HeadFilter parse_head_filter(std::string_view text);

/// What a filter wants to know about a head.
struct FilterFacts {
  std::function<double(HeadColumn)> value;  ///< NaN where it is not known: no bound holds
  bool pinned = false, on = false;
};
bool passes(const HeadFilter& filter, HeadId head, HeadColumn sorted_by, const FilterFacts& facts);

/// "entropy": the name of a column in the search field.
const char* filter_name(HeadColumn column);

}  // namespace headscope
