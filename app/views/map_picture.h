// What the attention map shows: weights of tokens, their overview, or groups, and how they are
// coloured.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "app/views/map_digest.h"
#include "app/views/widgets.h"
#include "core/figure/attention_map.h"

namespace headscope {

struct MapPicture {
  std::shared_ptr<const PromptView> prompt;
  std::shared_ptr<const RunResult> run;  ///< whose weights are shown
  HeatmapData shown, baseline;           ///< of tokens; `baseline` for differences and the readout
  std::int64_t cell = 1;  ///< tokens a cell of them is the largest weight of, along each side
  MapRegion region;       ///< of a pooled map: what is there exactly
  HeatmapData exact, exact_baseline;
  std::shared_ptr<const GroupedMap> groups, groups_baseline;  ///< of a pooled map, whole
  std::int64_t columns = 0, rows = 0;                         ///< in tokens
  std::int64_t first_row = 0;                                 ///< position of row 0
  bool full = false;                                          ///< rows are all tokens
  bool difference = false;
  const MapDigest* digest = nullptr;  ///< of this map or the one before it; null = none yet
  bool grouped = false;
  HeatmapStyle style;

  /// Cells of the axes on screen: groups or tokens.
  std::int64_t axis_columns() const;
  std::int64_t axis_rows() const;
  bool has_row_groups() const { return grouped && full; }
  const TokenGroup* column_group(std::int64_t column) const;
  const TokenGroup* row_group(std::int64_t row) const;

  /// The weight at a pair of tokens is that pair's own, and not the largest of its neighbours.
  bool exact_at(std::int64_t row, std::int64_t column) const;
  float value(bool of_baseline, std::int64_t row, std::int64_t column) const;
  /// At cells of the axes.
  float axis_value(bool of_baseline, std::int64_t row, std::int64_t column) const;

  const TokenView* token(std::int64_t position) const;
  std::string column_label(std::int64_t column) const;
  std::string row_label(std::int64_t row) const;
};

/// The map that is asked for. False: it is not there.
bool find_picture(const ViewContext& context, MapPicture& picture);

/// What is to be worked out of it.
DigestJob digest_job(const ViewOptions& view, const MapPicture& picture);

/// Range, palette, hidden columns and scale of rows, from the options and `picture.digest`.
void style_picture(const ViewContext& context, MapPicture& picture);

/// Ends of the colours that were chosen (a percentile of `picture.digest`, or by hand); nothing
/// where they are automatic.
std::optional<figure::ColorRange> chosen_range(const MapOptions& options, const MapPicture& picture,
                                               bool logarithmic);

/// A token on one line: "\n" for a line break, no blanks around it.
std::string token_label(const TokenView* token);

}  // namespace headscope
