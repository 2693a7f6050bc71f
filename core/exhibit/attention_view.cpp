// The attention map of one head.
#include <algorithm>
#include <cmath>
#include <memory>

#include "core/engine/token_masses.h"
#include "core/exhibit/tokens.h"
#include "core/exhibit/views.h"

namespace headscope {
namespace {

std::string head_text(HeadId head) {
  return "L" + std::to_string(head.layer) + "H" + std::to_string(head.head);
}

std::vector<std::string> tokens_of(const ShownRuns& runs, const RunResult& run, TokenRange range) {
  std::vector<std::string> tokens;
  for (std::int64_t t = range.begin; t < range.end; ++t) {
    const TokenView* token = token_at(*runs.prompt, run, t);
    tokens.push_back(token != nullptr ? token->text : "?");
  }
  return tokens;
}

// Weights by cell of `cell` tokens a side, of which the figure takes a part.
struct Grid {
  const float* values = nullptr;
  std::int64_t rows = 0, columns = 0;
  float at(std::int64_t row, std::int64_t column) const {
    return row < rows && column < columns ? values[row * columns + column] : 0.0f;
  }
};

// A part of the full map: exact where the part lies within what is there exactly.
struct MapPart {
  Grid grid;
  std::int64_t cell = 1, row = 0, column = 0;  ///< tokens that the grid begins at
};

bool within(TokenRange part, TokenRange whole) {
  return part.begin >= whole.begin && part.end <= whole.end;
}

MapPart part_of(const FullMap& map, const MapRegion& region) {
  const bool exact = !map.exact.empty() && within(region.rows, map.region.rows) &&
                     within(region.columns, map.region.columns);
  if (!exact) return {{map.weights->data(), map.side(), map.side()}, map.cell(), 0, 0};
  return {{map.exact.data(), map.region.rows.size(), map.region.columns.size()},
          1,
          map.region.rows.begin,
          map.region.columns.begin};
}

// Whole cells around a range, within `limit` tokens.
TokenRange whole_cells(TokenRange range, std::int64_t cell, std::int64_t limit) {
  return {range.begin / cell * cell,
          std::min((range.end + cell - 1) / cell * cell, (limit + cell - 1) / cell * cell)};
}

void take(figure::AttentionFigure& f, const MapPart& shown, const MapPart* minus,
          const MapRegion& region) {
  const std::int64_t cell = shown.cell;
  const auto index = [cell](std::int64_t token, std::int64_t begin) {
    return (token - begin) / cell;
  };
  f.cell = cell;
  f.first_row = region.rows.begin;
  f.first_key = region.columns.begin;
  f.keys = region.columns.size() / cell;
  for (std::int64_t row = region.rows.begin; row < region.rows.end; row += cell) {
    for (std::int64_t column = region.columns.begin; column < region.columns.end; column += cell) {
      float value = shown.grid.at(index(row, shown.row), index(column, shown.column));
      if (minus != nullptr)
        value -= minus->grid.at(index(row, minus->row), index(column, minus->column));
      f.weights.push_back(value);
    }
  }
}

Result<> fill_full(const AttentionChoice& choice, figure::AttentionFigure& f) {
  const FullMap& map = choice.shown == ShownRun::baseline && choice.full_baseline
                           ? *choice.full_baseline
                           : *choice.full;
  MapRegion region = choice.region;
  if (region.empty()) region = {{0, map.tokens}, {0, map.tokens}};
  region.rows.end = std::min(region.rows.end, map.tokens);
  region.columns.end = std::min(region.columns.end, map.tokens);
  const MapPart shown = part_of(map, region);
  region = {whole_cells(region.rows, shown.cell, map.tokens),
            whole_cells(region.columns, shown.cell, map.tokens)};
  f.square = true;
  if (choice.shown != ShownRun::difference) {
    take(f, shown, nullptr, region);
    return {};
  }
  if (!choice.full_baseline) return bad_input("attention: the baseline's map is not there yet");
  MapPart before = part_of(*choice.full_baseline, region);
  if (before.cell != shown.cell)
    return bad_input("attention: the two maps have different resolutions; zoom out or wait");
  take(f, shown, &before, region);
  return {};
}

Result<> fill_rows(const ShownRuns& runs, const RunResult& run, const AttentionChoice& choice,
                   figure::AttentionFigure& f) {
  const HeadId head = choice.head;
  const bool difference = choice.shown == ShownRun::difference;
  if (!run.has_weights(head) || (difference && !runs.baseline->has_weights(head))) {
    return bad_input("attention: this run kept no weights of layer " + std::to_string(head.layer) +
                     ", head " + std::to_string(head.head) + "; keep response rows");
  }
  const Grid shown{run.row(head, 0), run.rows.size(), run.keys};
  const RunResult& base = *runs.baseline;
  const Grid before{base.has_weights(head) ? base.row(head, 0) : nullptr, base.rows.size(),
                    base.keys};
  MapRegion region = choice.region;
  if (region.empty()) region = {{0, run.rows.size()}, {0, run.keys}};
  region.rows.end = std::min(region.rows.end, run.rows.size());
  region.columns.end = std::min(region.columns.end, run.keys);
  const MapPart minus{before};
  take(f, {shown}, difference ? &minus : nullptr, region);
  f.first_row += run.rows.begin;
  return {};
}

std::vector<std::string> arguments_of(const AttentionChoice& choice) {
  // render draws whole response rows
  if (choice.full || !choice.region.empty()) return {};
  std::vector<std::string> arguments = {"render",
                                        "--figure",
                                        "attention",
                                        "--layer",
                                        std::to_string(choice.head.layer),
                                        "--head",
                                        std::to_string(choice.head.head)};
  if (choice.per_row) {
    arguments.push_back("--per-row");
  } else if (!choice.logarithmic) {
    arguments.push_back("--linear");
  }
  if (choice.range) arguments.insert(arguments.end(), {"--range", range_as_text(*choice.range)});
  if (choice.without_sink) arguments.push_back("--without-sink");
  if (choice.shown == ShownRun::difference) arguments.push_back("--difference");
  return arguments;
}

Table attention_table(const std::shared_ptr<const figure::AttentionFigure>& f) {
  Table table;
  table.columns = {"row", "row_token", "key", "key_token", "weight"};
  table.rows = f->weights.size();
  table.row = [f](std::size_t i) -> std::vector<Cell> {
    const auto keys = static_cast<std::size_t>(f->keys);
    const std::size_t row = i / keys, key = i % keys;
    const auto text = [](const std::vector<std::string>& tokens, std::size_t at) -> Cell {
      return at < tokens.size() ? Cell(tokens[at]) : Cell{};
    };
    return {f->first_row + static_cast<std::int64_t>(row) * f->cell, text(f->row_tokens, row),
            f->first_key + static_cast<std::int64_t>(key) * f->cell, text(f->key_tokens, key),
            f->weights[i]};
  };
  return table;
}

}  // namespace

Result<figure::AttentionFigure> attention_figure(const ShownRuns& runs,
                                                 const AttentionChoice& choice) {
  const RunResult& run = choice.shown == ShownRun::baseline ? *runs.baseline : runs.edited();
  figure::AttentionFigure f;
  f.head = choice.head;
  f.logarithmic = choice.logarithmic;
  f.difference = choice.shown == ShownRun::difference;
  f.per_row = choice.per_row;
  f.range = choice.range;
  f.without_sink = choice.without_sink;
  f.prompt_tokens = runs.prompt->prompt_tokens();
  if (choice.full) {
    HEADSCOPE_TRY(fill_full(choice, f));
  } else {
    HEADSCOPE_TRY(fill_rows(runs, run, choice, f));
  }
  if (f.cell == 1) {
    f.row_tokens = tokens_of(runs, run, {f.first_row, f.first_row + f.rows()});
    f.key_tokens = tokens_of(runs, run, {f.first_key, f.first_key + f.keys});
  }
  for (const DocumentView& d : runs.prompt->documents)
    f.documents.push_back({d.number, d.tokens, d.gold});
  const std::string words =
      choice.shown == ShownRun::baseline || !runs.compares() ? "" : in_words(runs.origin);
  f.run = words.empty() ? "no intervention" : words;
  return f;
}

Result<Exhibit> attention_exhibit(const ShownRuns& runs, const AttentionChoice& choice) {
  HEADSCOPE_ASSIGN(auto made, attention_figure(runs, choice));
  Exhibit exhibit = attention_exhibit_of(runs, made, choice.full ? "map" : "attention");
  exhibit.origin = choice.shown == ShownRun::baseline ? unedited(runs.origin) : runs.origin;
  exhibit.arguments = arguments_of(choice);
  return exhibit;
}

Exhibit attention_exhibit_of(const ShownRuns& runs, const figure::AttentionFigure& figure,
                             const std::string& name) {
  const auto f = std::make_shared<const figure::AttentionFigure>(figure);
  Exhibit exhibit;
  exhibit.name = name + "-" + head_text(f->head);
  exhibit.draw = drawn_by(*f, figure::draw_attention);
  exhibit.table = attention_table(f);
  std::vector<std::int64_t> rows, keys;
  for (std::int64_t i = 0; i < f->rows(); ++i) rows.push_back(f->first_row + i * f->cell);
  for (std::int64_t i = 0; i < f->keys; ++i) keys.push_back(f->first_key + i * f->cell);
  exhibit.arrays = {{"attention", {f->rows(), f->keys}, f->weights},
                    {"rows", {f->rows()}, std::move(rows)},
                    {"keys", {f->keys}, std::move(keys)}};
  exhibit.origin = runs.origin;
  return exhibit;
}

Result<Exhibit> document_strip_exhibit(const ShownRuns& runs, const HeadGroup& heads,
                                       ShownRun shown) {
  const bool baseline = shown == ShownRun::baseline;
  const RunResult& run = baseline ? *runs.baseline : runs.edited();
  const std::vector<float> masses = token_masses(*runs.prompt, run, heads.heads);
  if (masses.empty())
    return bad_input("documents: the response is empty, or the prompt has just changed");
  figure::AttentionFigure f;
  f.title = "Attention on the documents, token by token";
  f.run = heads.words;
  if (!baseline && runs.compares()) f.run += "; " + in_words(runs.origin);
  f.value_name = "Attention mass";
  f.note =
      "Rows: documents by their numbers, the gold ones in brackets. Columns: the response's "
      "tokens.";
  f.key_unit = "response token";
  f.causal = false;
  f.logarithmic = false;
  f.keys = run.rows.size();
  f.weights = masses;
  for (const DocumentView& d : runs.prompt->documents) {
    const std::string number = std::to_string(d.number);
    f.row_tokens.push_back(d.gold ? "[" + number + "]" : number);
  }
  for (const TokenView& token : run.response) f.key_tokens.push_back(token.text);
  f.key_tokens.resize(static_cast<std::size_t>(f.keys));
  figure::AttentionFigure drawn = f;
  drawn.weights.resize(drawn.row_tokens.size() * static_cast<std::size_t>(f.keys));
  f.row_tokens.push_back("sink");
  Exhibit exhibit = attention_exhibit_of(runs, f, "documents");
  exhibit.name = "documents-by-token";
  exhibit.draw = nullptr;
  if (!drawn.weights.empty()) exhibit.draw = drawn_by(drawn, figure::draw_attention);
  if (baseline) exhibit.origin = unedited(runs.origin);
  exhibit.arguments = {"render", "--figure", "documents-by-token"};
  exhibit.arguments.insert(exhibit.arguments.end(), heads.arguments.begin(), heads.arguments.end());
  return exhibit;
}

}  // namespace headscope
