#include "app/views/map_zoom.h"

#include <algorithm>

namespace headscope {
namespace {

constexpr double kFewestCells = 4;  // closest look

// Moves [low, high] into [0, limit] without changing its length, if it fits.
void keep_inside(double& low, double& high, double limit) {
  const double length = std::min(high - low, limit);
  low = std::clamp(low, 0.0, limit - length);
  high = low + length;
}

void scale_axis(double& low, double& high, double at, double factor, double limit) {
  const double fewest = std::min(kFewestCells, limit);
  const double length = std::clamp((high - low) / factor, fewest, limit);
  const double share = high > low ? (at - low) / (high - low) : 0.5;
  low = at - share * length;
  high = low + length;
  keep_inside(low, high, limit);
}

}  // namespace

void MapZoom::reset() {
  window = {0, 0, static_cast<double>(columns), static_cast<double>(rows)};
}

void MapZoom::fit(std::int64_t map_columns, std::int64_t map_rows) {
  if (map_columns == columns && map_rows == rows) return;
  // A response that grew by a few tokens shall not throw away where the reader looks.
  const bool keep = !whole() && map_rows == rows && columns > 0;
  columns = map_columns;
  rows = map_rows;
  if (!keep) {
    reset();
    return;
  }
  keep_inside(window.left, window.right, static_cast<double>(columns));
}

void MapZoom::scale(double x, double y, double factor_x, double factor_y) {
  scale_axis(window.left, window.right, x, factor_x, static_cast<double>(columns));
  scale_axis(window.top, window.bottom, y, factor_y, static_cast<double>(rows));
}

void MapZoom::pan(double columns_moved, double rows_moved) {
  window.left += columns_moved;
  window.right += columns_moved;
  window.top += rows_moved;
  window.bottom += rows_moved;
  keep_inside(window.left, window.right, static_cast<double>(columns));
  keep_inside(window.top, window.bottom, static_cast<double>(rows));
}

bool MapZoom::whole() const {
  return window.left <= 0 && window.top <= 0 && window.right >= static_cast<double>(columns) &&
         window.bottom >= static_cast<double>(rows);
}

}  // namespace headscope
