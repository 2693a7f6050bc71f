#include "core/figure/overlap.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/figure/axes.h"
#include "core/figure/type.h"

namespace headscope::figure {
namespace {

constexpr double kLeastGapCell = 5;  // smaller cells touch each other
constexpr double kLeastLetterCell = 9;

// What a cell says. The letter is there for readers who do not see the colour.
struct Kind {
  const char* letter;
  const char* role;
  Rgb color;
};

struct Kinds {
  Kind both, only_a, only_b;
  explicit Kinds(const Style& style)
      : both{"AB", "both", style.series[0]},
        only_a{"A", "only-a", style.series[1]},
        only_b{"B", "only-b", style.series[2]} {}
};

Result<> check_ranking(const OverlapFigure& f, const std::vector<HeadId>& ranking,
                       const std::string& name) {
  if (ranking.empty()) return bad_input("overlap: " + name + " has no ranking");
  for (const HeadId id : ranking) {
    const bool inside = id.layer >= 0 && id.layer < f.layers && id.head >= 0 && id.head < f.heads;
    if (inside) continue;
    return bad_input("overlap: " + name + " names layer " + std::to_string(id.layer) + " head " +
                     std::to_string(id.head) + ", which is not in a model of " +
                     std::to_string(f.layers) + " layers with " + std::to_string(f.heads) +
                     " heads");
  }
  return {};
}

Result<> check(const OverlapFigure& f) {
  if (f.layers <= 0 || f.heads <= 0) return bad_input("overlap: no layers or no heads");
  if (f.top_k < 1) return bad_input("overlap: top_k must be at least 1");
  HEADSCOPE_TRY(check_ranking(f, f.a, f.name_a));
  return check_ranking(f, f.b, f.name_b);
}

std::set<HeadId> first(const std::vector<HeadId>& ranking, int k) {
  const auto count = std::min(ranking.size(), static_cast<std::size_t>(k));
  return {ranking.begin(), ranking.begin() + static_cast<std::ptrdiff_t>(count)};
}

std::string p_text(double p) {
  return p < 0.001 ? "p < 0.001" : "p = " + fixed(p, 3);
}

Caption caption_of(const OverlapFigure& f) {
  const auto universe = static_cast<std::size_t>(f.layers) * static_cast<std::size_t>(f.heads);
  const auto comparison = compare_rankings(f.a, f.b, universe);
  const OverlapAt overlap = overlap_at(f.a, f.b, static_cast<std::size_t>(f.top_k), universe);
  const std::string k = std::to_string(f.top_k);
  Caption caption;
  caption.title = "Two head sets: where their top " + k + " heads agree";
  caption.subtitle = "Jaccard at " + k + ": " + fixed(overlap.jaccard, 2) +
                     " (unrelated: " + fixed(overlap.expected, 3) + ", " + p_text(overlap.p) +
                     "); Kendall tau of " + std::to_string(comparison.common) +
                     " heads: " + fixed(comparison.kendall, 2);
  caption.text = "A: " + f.name_a + ". B: " + f.name_b + ". Coloured: heads in the top " + k +
                 " of both (AB) or of one (A, B). Jaccard: heads in both over heads in either; in "
                 "brackets what two unrelated rankings show on average, and how often they have at "
                 "least as many in common.";
  caption.provenance = f.provenance;
  return caption;
}

Axis index_axis(const std::string& label, int count, double cell, double label_room) {
  Axis axis{label, -0.5, count - 0.5, false, {}};
  axis.ticks = whole_ticks(0, count - 1, std::max(1, static_cast<int>(count * cell / label_room)));
  return axis;
}

void draw_cell(Page& page, const Box& box, const Kind* kind) {
  Rect rect{box};
  rect.fill = Paint{kind != nullptr ? kind->color : page.style.missing};
  rect.role = kind != nullptr ? kind->role : "neither";
  page.scene.add(rect);
  if (kind == nullptr || std::min(box.width, box.height) < kLeastLetterCell) return;
  const double size = std::min(7.0, std::min(box.height * 0.6, box.width * 0.42));
  page.text({box.centre_x(), box.centre_y() + size * 0.36}, kind->letter, size,
            readable_on(kind->color), Anchor::middle, "member");
}

void draw_cells(Page& page, const OverlapFigure& f, const Kinds& kinds, const Box& grid) {
  const auto in_a = first(f.a, f.top_k), in_b = first(f.b, f.top_k);
  const double width = grid.width / f.heads, height = grid.height / f.layers;
  const double gap = std::min(width, height) >= kLeastGapCell ? 0.7 : 0;
  for (int layer = 0; layer < f.layers; ++layer) {
    for (int head = 0; head < f.heads; ++head) {
      const bool a = in_a.contains({layer, head}), b = in_b.contains({layer, head});
      const Kind* kind = a && b ? &kinds.both : a ? &kinds.only_a : b ? &kinds.only_b : nullptr;
      draw_cell(page,
                {grid.x + head * width + gap / 2, grid.y + layer * height + gap / 2, width - gap,
                 height - gap},
                kind);
    }
  }
}

std::vector<LegendEntry> legend(const OverlapFigure& f, const Kinds& kinds) {
  const auto in_a = first(f.a, f.top_k), in_b = first(f.b, f.top_k);
  std::size_t both = 0;
  for (const HeadId id : in_a) both += in_b.contains(id) ? 1 : 0;
  const auto entry = [](const Kind& kind, const std::string& what, std::size_t count) {
    LegendEntry made;
    made.key = LegendEntry::Key::swatch;
    made.text = std::string(kind.letter) + " " + what + ": " + std::to_string(count);
    made.color = kind.color;
    return made;
  };
  return {entry(kinds.both, "both", both), entry(kinds.only_a, "only", in_a.size() - both),
          entry(kinds.only_b, "only", in_b.size() - both)};
}

Size natural_size(const OverlapFigure& f) {
  const double cell = std::clamp(390.0 / f.heads, 5.0, 30.0);
  return {std::clamp(f.heads * cell + 70, 420.0, 620.0),
          std::clamp(f.layers * cell + 190, 260.0, 760.0)};
}

// Cells about as high as wide.
Box grid_box(const Box& room, const OverlapFigure& f) {
  double w = room.width / f.heads, h = room.height / f.layers;
  w = std::min(w, h * 1.8);
  h = std::min(h, w * 1.3);
  return {room.x, room.y, w * f.heads, h * f.layers};
}

}  // namespace

Result<Scene> draw_overlap(const OverlapFigure& f, const Options& options) {
  HEADSCOPE_TRY(check(f));
  const Caption caption = caption_of(f);
  const Style style = make_style(options.theme, options.palette);
  Page page = make_page(options, with_room_for(caption, natural_size(f), style), caption);
  const Kinds kinds(page.style);
  const Box outer = draw_legend(page, page.body, legend(f, kinds));
  Axis x = index_axis("Query head", f.heads, outer.width / f.heads, 16);
  Axis y = index_axis("Layer", f.layers, outer.height / f.layers, 14);
  const Box grid = grid_box(inside_axes(page.style, outer, x, y), f);
  x = index_axis("Query head", f.heads, grid.width / f.heads, 16);
  y = index_axis("Layer", f.layers, grid.height / f.layers, 14);
  std::swap(y.low, y.high);  // layer 0 at the top, as in the window
  draw_cells(page, f, kinds, grid);
  draw_axes(page, {grid, x, y}, false);
  return page.scene;
}

}  // namespace headscope::figure
