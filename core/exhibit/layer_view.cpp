// Every head of one layer.
#include <algorithm>

#include "core/exhibit/views.h"
#include "core/figure/small_maps.h"

namespace headscope {
namespace {

figure::SmallMapsFigure figure_of(const ShownRuns& runs, const LayerChoice& choice,
                                  const LayerMaps& maps) {
  figure::SmallMapsFigure f;
  f.title = "Every head of layer " + std::to_string(maps.layer);
  const std::string words =
      choice.shown == ShownRun::baseline || !runs.compares() ? "" : in_words(runs.origin);
  f.subtitle = words.empty() ? "no intervention" : words;
  f.difference = choice.shown == ShownRun::difference;
  f.logarithmic = choice.logarithmic;
  const bool documents = maps.kind == LayerColumns::documents;
  f.text = std::string("Rows: the response's tokens. Columns: ") +
           (documents ? "the documents, then the sink." : "the keys.") +
           (f.difference ? " Colour: intervened minus baseline."
                         : " Colour: attention after the softmax, one scale for all.") +
           " A place shows the largest of what it stands for. Framed: heads that are acted on.";
  if (documents) f.value_name = "Attention mass";
  f.rows = static_cast<int>(maps.rows);
  f.columns = static_cast<int>(maps.columns);
  const auto cells = static_cast<std::ptrdiff_t>(maps.rows * maps.columns);
  for (int head = 0; head < maps.heads; ++head) {
    const auto begin = maps.values.begin() + head * cells;
    const HeadId id{maps.layer, head};
    f.maps.push_back(
        {"L" + std::to_string(maps.layer) + " H" + std::to_string(head),
         {begin, begin + cells},
         std::find(choice.marked.begin(), choice.marked.end(), id) != choice.marked.end()});
  }
  return f;
}

Table table_of_maps(const std::shared_ptr<const LayerMaps>& maps) {
  Table table;
  table.columns = {"layer", "head", "first_row", "first_column", "value"};
  table.rows = maps->values.size();
  table.row = [maps](std::size_t i) -> std::vector<Cell> {
    const auto cells = static_cast<std::size_t>(maps->rows * maps->columns);
    const auto at = static_cast<std::int64_t>(i % cells);
    return {std::int64_t{maps->layer}, static_cast<std::int64_t>(i / cells),
            maps->rows_of(at / maps->columns).begin, maps->columns_of(at % maps->columns).begin,
            maps->values[i]};
  };
  return table;
}

}  // namespace

Result<Exhibit> layer_exhibit(const ShownRuns& runs, const LayerChoice& choice) {
  const RunResult& run = choice.shown == ShownRun::baseline ? *runs.baseline : runs.edited();
  const RunResult* minus = choice.shown == ShownRun::difference ? runs.baseline.get() : nullptr;
  auto made = layer_maps(run, minus, choice.question);
  if (!made) {
    return bad_input("Layer: this run kept no weights of layer " +
                     std::to_string(choice.question.layer) + "; keep response rows");
  }
  const auto maps = std::make_shared<const LayerMaps>(std::move(*made));
  Exhibit exhibit;
  exhibit.name = "layer-" + std::to_string(maps->layer);
  exhibit.draw = drawn_by(figure_of(runs, choice, *maps), figure::draw_small_maps);
  exhibit.table = table_of_maps(maps);
  exhibit.arrays = {{"maps", {maps->heads, maps->rows, maps->columns}, maps->values}};
  exhibit.origin = choice.shown == ShownRun::baseline ? unedited(runs.origin) : runs.origin;
  return exhibit;
}

}  // namespace headscope
