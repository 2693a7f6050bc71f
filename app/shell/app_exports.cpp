// What each view gives away, and the commands that ask for it. A new view joins with one line in
// App::register_exports.
#include <cmath>
#include <filesystem>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>

#include "app/shell/app.h"
#include "app/shell/layout.h"
#include "app/views/head_numbers.h"
#include "app/views/head_table.h"
#include "app/views/map_picture.h"
#include "core/analysis/head_choice.h"
#include "core/base/file.h"
#include "core/base/version.h"
#include "core/exhibit/prompt_tests.h"
#include "core/exhibit/views.h"
#include "core/sweep/study_figures.h"
#include "core/sweep/weights_hash.h"

namespace headscope {
namespace {

// What a maker holds: the results that were on screen when somebody asked.
struct Seen {
  ShownRuns runs;
  std::shared_ptr<const ModelInfo> model;
  std::string adapter;
};

std::optional<Seen> look(const AppState& state) {
  const Snapshot& snapshot = *state.snapshot;
  auto runs = runs_of(snapshot);
  if (!runs || !snapshot.model) return std::nullopt;
  return Seen{std::move(*runs), snapshot.model, snapshot.request.adapter};
}

// What takes reading files: the hash of the weights, which is remembered between runs. A model
// without files, or whose files are gone, has none: captions leave out what is not known.
Result<> read_origin(Seen& seen, const RunContext& context) {
  Origin& origin = seen.runs.origin;
  if (seen.model->path.empty()) return {};
  const auto hash = weights_sha256(seen.model->path, context, seen.adapter);
  if (hash) origin.model_hash = *hash;
  if (context.cancelled()) return fail(ErrorKind::cancelled, "export cancelled");
  return {};
}

// `make(runs)` on the worker, once the origin is complete.
template <class Make>
ExhibitMaker from_runs(const AppState& state, Make make) {
  auto seen = look(state);
  if (!seen) return nullptr;
  return [seen = std::move(*seen),
          make = std::move(make)](const RunContext& context) mutable -> Result<Exhibit> {
    HEADSCOPE_TRY(read_origin(seen, context));
    return make(seen.runs);
  };
}

ShownRun shown_run(MapSource source) {
  if (source == MapSource::baseline) return ShownRun::baseline;
  return source == MapSource::difference ? ShownRun::difference : ShownRun::intervened;
}

HeadGroup group_of(const AppState& state, std::vector<HeadId> heads) {
  const ModelInfo* model = state.snapshot->model.get();
  return head_group(std::move(heads), model != nullptr ? model->layers : 0,
                    model != nullptr ? model->heads : 0);
}

// --score of render, and the words of the caption.
std::pair<std::string, std::string> score_words(MapScore score) {
  switch (score) {
    case MapScore::relevant:
      return {"relevant", "contextual score"};
    case MapScore::sink:
      return {"sink", "sink mass"};
    case MapScore::irrelevant_sum:
      return {"irrelevant-sum", "irrelevant mass, sum"};
    case MapScore::irrelevant_max:
      return {"irrelevant-max", "irrelevant mass, largest document"};
    case MapScore::entropy:
      return {"entropy", "entropy (nats)"};
    case MapScore::distance:
      return {"distance", "mean distance (tokens)"};
    case MapScore::drop:
      return {"", "loss of log-probability without the head (nats)"};
    case MapScore::similar:
      return {"", "likeness with one head (1 - Jensen-Shannon divergence)"};
    default:
      return {"", name_of(score).label};
  }
}

std::vector<float> numbers_of(const ScoreValues& score) {
  return score.any() ? *score.values : std::vector<float>{};
}

HeadScoreChoice score_choice(AppState& state, MapScore score) {
  HeadScoreChoice choice;
  std::tie(choice.option, choice.name) = score_words(score);
  const RunResult& base = *state.baseline();
  choice.baseline = numbers_of(score_of(state, score, false));
  choice.shown = ShownRun::baseline;
  if (has_two_sources(score)) {
    choice.intervened = numbers_of(score_of(state, score, true));
    choice.shown = shown_run(state.view.score_source);
  }
  choice.outlined = state.chosen();
  const auto& drawn = choice.shown == ShownRun::baseline ? choice.baseline : choice.intervened;
  if (drawn.empty()) return choice;
  choice.outlined_by_rank =
      choice.outlined == first_heads(rank_heads(drawn, base.layers, base.heads),
                                     static_cast<int>(choice.outlined.size()), base.layers,
                                     base.heads);
  return choice;
}

// The head set's score: shown where the run has none.
Result<Exhibit> head_set_exhibit(const ShownRuns& runs, const ModelInfo& model,
                                 std::vector<HeadId> outlined) {
  HeadScoreChoice choice;
  choice.option = "";
  choice.baseline = model.known_scores;
  choice.outlined = std::move(outlined);
  HEADSCOPE_ASSIGN(auto exhibit, head_map_exhibit(runs, choice));
  figure::Provenance p;
  p.model = runs.origin.model;
  p.model_hash = runs.origin.model_hash;
  p.settings = {"head set " + std::filesystem::path(model.known_source).filename().string()};
  p.version = kVersion;
  exhibit.provenance = std::move(p);
  return exhibit;
}

Result<Exhibit> overlap_of(const AppState& state) {
  const ModelInfo& model = *state.snapshot->model;
  if (!state.other_heads) return bad_input("Heads: no second head set is open");
  figure::OverlapFigure f;
  f.layers = model.layers;
  f.heads = model.heads;
  f.a = state.ranking();
  f.b = state.other_heads->ranking;
  f.name_a = model.known_source.empty() ? "in use" : model.known_source;
  f.name_b = state.other_heads->name;
  f.top_k = std::max(1, state.request.intervention.top_k);
  f.provenance.model = model.name;
  f.provenance.version = kVersion;
  return overlap_exhibit(f);
}

ExhibitMaker heads_export(AppState& state) {
  if (!look(state)) return nullptr;
  const MapScore score = state.view.score;
  if (score == MapScore::overlap)
    return [made = overlap_of(state)](const RunContext&) { return made; };
  HeadScoreChoice choice = score_choice(state, score);
  const bool measured = !choice.baseline.empty() || !choice.intervened.empty();
  if (score == MapScore::head_set || (!measured && !state.snapshot->model->known_scores.empty())) {
    return from_runs(
        state, [model = state.snapshot->model, outlined = state.chosen()](const ShownRuns& runs) {
          return head_set_exhibit(runs, *model, outlined);
        });
  }
  return from_runs(state, [choice = std::move(choice)](const ShownRuns& runs) {
    return head_map_exhibit(runs, choice);
  });
}

// The columns that have numbers, in the order of the rows on screen.
Table ranking_table(const HeadTable& table, const AppState& state) {
  std::vector<std::string> names = {"rank", "layer", "head"};
  std::vector<HeadColumn> columns;
  for (int i = 0; i < head_columns; ++i) {
    const auto column = static_cast<HeadColumn>(i);
    if (column == HeadColumn::rank || column == HeadColumn::head || !table.has(column)) continue;
    columns.push_back(column);
    const auto score = score_of_column(column);
    names.push_back(score ? name_of(*score).key : "change");
  }
  std::vector<std::vector<Cell>> rows;
  for (const HeadId head : table.order()) {
    std::vector<Cell> row(3 + columns.size());  // without value where nothing is known
    const int rank = state.rank_of(head);
    if (rank >= 0) row[0] = std::int64_t{rank + 1};
    row[1] = std::int64_t{head.layer};
    row[2] = std::int64_t{head.head};
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const double value = table.value(columns[i], head);
      if (!std::isnan(value)) row[3 + i] = static_cast<float>(value);
    }
    rows.push_back(std::move(row));
  }
  return table_of(std::move(names), std::move(rows));
}

ExhibitMaker ranking_export(const AppState& state, const HeadTable& table) {
  if (!look(state)) return nullptr;
  return from_runs(state,
                   [ranking = state.ranking(), known = state.snapshot->model->known_scores,
                    check = state.snapshot->causal,
                    rows = ranking_table(table, state)](const ShownRuns& runs) -> Result<Exhibit> {
                     HEADSCOPE_ASSIGN(auto exhibit, ranking_exhibit(runs, ranking, known, check));
                     if (!rows.empty()) exhibit.table = rows;
                     return exhibit;
                   });
}

// Tokens on screen; empty = all.
MapRegion visible_part(const MapZoom& zoom) {
  if (zoom.whole()) return {};
  const auto part = [](double low, double high, std::int64_t limit) {
    return TokenRange{std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(low))),
                      std::min(limit, static_cast<std::int64_t>(std::ceil(high)))};
  };
  return {part(zoom.window.top, zoom.window.bottom, zoom.rows),
          part(zoom.window.left, zoom.window.right, zoom.columns)};
}

// A map of groups, as it is on screen.
Result<Exhibit> grouped_exhibit(const ShownRuns& runs, const MapPicture& picture,
                                const AttentionChoice& choice, const MapOptions& options) {
  figure::AttentionFigure f;
  f.head = choice.head;
  f.logarithmic = choice.logarithmic;
  f.difference = picture.difference;
  f.per_row = choice.per_row;
  f.range = choice.range;
  f.causal = false;
  f.key_unit = "group";
  const std::int64_t first = choice.without_sink ? 1 : 0;  // the sink is the first group
  f.keys = picture.axis_columns() - first;
  for (std::int64_t row = 0; row < picture.axis_rows(); ++row) {
    f.row_tokens.push_back(picture.row_label(row));
    for (std::int64_t key = first; key < picture.axis_columns(); ++key) {
      const float before = f.difference ? picture.axis_value(true, row, key) : 0;
      f.weights.push_back(picture.axis_value(false, row, key) - before);
    }
  }
  for (std::int64_t key = first; key < picture.axis_columns(); ++key)
    f.key_tokens.push_back(picture.column_label(key));
  f.note = std::string("Keys are grouped by ") +
           (options.grouping == TokenGrouping::documents ? "document" : "sentence") + ": " +
           std::string(pooling_name(options.pooling)) + " of each group's weights.";
  if (first > 0) f.note += " The sink is left out.";
  const bool baseline = choice.shown == ShownRun::baseline || !runs.compares();
  f.run = baseline ? "no intervention" : in_words(runs.origin);
  Exhibit exhibit = attention_exhibit_of(runs, f, "groups");
  if (baseline) exhibit.origin = unedited(runs.origin);
  return exhibit;
}

// What the view works out beside the window's thread is worked out again here: groups, and the
// percentile that the colours end at.
Result<Exhibit> map_exhibit(const ShownRuns& runs, MapPicture picture, const DigestJob& job,
                            AttentionChoice choice, const MapOptions& options) {
  picture.grouped = options.grouping != TokenGrouping::none;
  std::optional<MapDigest> made;
  if (picture.grouped || options.range == MapRange::percentile) {
    made = digest(job, [] { return false; });
    if (!made) return bad_input("Attention map: what it shows could not be worked out");
    picture.digest = &*made;
  }
  choice.range = chosen_range(options, picture, choice.logarithmic);
  return picture.grouped ? grouped_exhibit(runs, picture, choice, options)
                         : attention_exhibit(runs, choice);
}

ExhibitMaker attention_export(const ViewContext& context, const AttentionPanel& panel) {
  const AppState& state = context.state;
  AttentionChoice choice;
  choice.head = state.request.selected;
  choice.shown = shown_run(state.view.map_source);
  choice.logarithmic = state.view.map_logarithmic;
  choice.per_row = state.view.map.per_row;
  choice.without_sink = state.view.map.mask_sink;
  MapPicture picture;
  if (!find_picture(context, picture)) return nullptr;
  choice.region = visible_part(panel.zoom());
  if (state.request.want_full_map) {
    choice.full = state.snapshot->full_map;
    choice.full_baseline = state.snapshot->full_map_baseline;
    if (!choice.full) choice.full = choice.full_baseline;
  }
  return from_runs(state, [choice, picture, job = digest_job(state.view, picture),
                           options = state.view.map](const ShownRuns& runs) {
    return map_exhibit(runs, picture, job, choice, options);
  });
}

ExhibitMaker documents_export(const AppState& state, const DocumentStrip& strip) {
  std::vector<HeadId> heads = state.chosen();
  if (state.view.bars_of_selected || heads.empty()) heads = {state.request.selected};
  if (state.view.documents_by_token) {
    const ShownRun shown = strip.shows_intervened() ? ShownRun::intervened : ShownRun::baseline;
    return from_runs(state,
                     [group = group_of(state, std::move(heads)), shown](const ShownRuns& runs) {
                       return document_strip_exhibit(runs, group, shown);
                     });
  }
  return from_runs(state,
                   [group = group_of(state, std::move(heads)), check = state.snapshot->causal](
                       const ShownRuns& runs) { return documents_exhibit(runs, group, check); });
}

ExhibitMaker overlay_export(const AppState& state) {
  const OverlayOptions& options = state.view.overlay;
  OverlayChoice choice{group_of(state, state.overlay_heads()),
                       shown_run(options.source),
                       options.pooling,
                       options.rows,
                       options.logarithmic,
                       options.mask_sink};
  return from_runs(state, [choice = std::move(choice)](const ShownRuns& runs) {
    return overlay_exhibit(runs, choice);
  });
}

ExhibitMaker difference_export(const AppState& state, const DifferenceView& view) {
  std::vector<HeadId> heads = state.chosen();
  if (heads.empty()) heads = {state.request.selected};
  DifferenceChoice choice{group_of(state, std::move(heads)), view.moves(),
                          std::string("mass on ") + view.score_name()};
  return from_runs(state, [choice = std::move(choice)](const ShownRuns& runs) {
    return difference_exhibit(runs, choice);
  });
}

Cell mass_cell(float mass) {
  Cell value;
  if (mass >= 0) value = mass;
  return value;
}

// The runs of the history, newest last, with their settings.
Exhibit runs_exhibit(const std::vector<RunEntry>& entries, const ShownRuns& runs) {
  figure::TableFigure f;
  f.title = "Runs";
  f.name_columns = {"Run", "Settings"};
  f.columns = {"Gold", "Other documents", "Sink", "Rest", "Answer"};
  f.text = "Attention mass of the response rows, mean over the heads that were looked at.";
  std::vector<std::vector<Cell>> rows;
  const auto text = [](float mass) { return mass < 0 ? std::string() : format_mass(mass); };
  for (const RunEntry& entry : entries) {
    const std::string settings =
        entry.is_baseline ? "baseline" : describe_settings(entry.request.intervention);
    const std::string graded = !entry.graded ? "" : entry.right ? "right" : "wrong";
    f.rows.push_back({{std::to_string(entry.number), settings},
                      {{text(entry.gold), "", false},
                       {text(entry.others), "", false},
                       {text(entry.sink), "", false},
                       {text(entry.rest), "", false},
                       {graded, "", false}}});
    rows.push_back({static_cast<std::int64_t>(entry.number), settings,
                    entry.request.intervention.tau, entry.request.intervention.alpha,
                    static_cast<std::int64_t>(entry.touched), mass_cell(entry.gold),
                    mass_cell(entry.others), mass_cell(entry.sink), mass_cell(entry.rest), graded,
                    entry.answer, entry.seconds});
  }
  Exhibit exhibit;
  exhibit.name = "runs";
  exhibit.draw = drawn_by(f, figure::draw_table);
  exhibit.table = table_of({"run", "settings", "tau", "alpha", "heads", "gold", "others", "sink",
                            "rest", "graded", "answer", "seconds"},
                           std::move(rows));
  exhibit.origin = unedited(runs.origin);
  return exhibit;
}

ExhibitMaker runs_export(const AppState& state) {
  if (state.runs.entries().empty()) return nullptr;
  return from_runs(state, [entries = state.runs.entries()](const ShownRuns& runs) {
    return Result<Exhibit>(runs_exhibit(entries, runs));
  });
}

// Small pictures of every head of a layer.
ExhibitMaker layer_export(const AppState& state, const LayerView& view) {
  const LayerChoice choice{view.question(), shown_run(state.view.map_source), view.logarithmic(),
                           state.chosen()};
  return from_runs(state, [choice](const ShownRuns& runs) { return layer_exhibit(runs, choice); });
}

// The first figure of the folder's results: curves of exact match, as `figures` draws them.
Result<Exhibit> study_exhibit(const std::filesystem::path& folder) {
  HEADSCOPE_ASSIGN(const auto study, study_figures(folder));
  if (study.figures.empty()) return bad_input(folder.string() + ": no cell is finished yet");
  const NamedFigure& first = study.figures.front();
  Exhibit exhibit;
  exhibit.name = first.name;
  exhibit.draw = [drawn = first.figure](const figure::Options& look,
                                        const figure::Provenance& provenance) {
    figure::AnyFigure with = drawn;
    std::visit([&](auto& f) { f.provenance = provenance; }, with);
    return figure::draw_figure(with, look);
  };
  exhibit.table = table_from_csv(figure::csv_of(first.figure));
  exhibit.provenance =
      std::visit([](const auto& f) -> figure::Provenance { return f.provenance; }, first.figure);
  return exhibit;
}

// One of the tests of this prompt, as the command that made its result draws it.
ExhibitMaker tests_export(const AppState& state, TestsPanel& panel) {
  const auto test = panel.chosen(state);
  if (!test) return nullptr;
  return from_runs(state,
                   [test = *test, result = *panel.result(state, *test)](
                       const ShownRuns& runs) -> Result<Exhibit> {
                     if (test == PromptTest::positions)
                       return positions_exhibit(result, test_origin(runs));
                     if (test == PromptTest::removal)
                       return causal_exhibit(result, test_origin(runs));
                     return tune_exhibit(result, test_origin(runs));
                   });
}

std::string tests_name(const AppState& state, TestsPanel& panel) {
  constexpr const char* names[] = {"positions", "removal", "tune"};
  return names[static_cast<std::size_t>(panel.chosen(state).value_or(PromptTest::positions))];
}

ExhibitMaker experiments_export(const ExperimentsPanel& panel) {
  const std::filesystem::path folder = panel.shown_folder();
  if (folder.empty()) return nullptr;
  return [folder](const RunContext&) { return study_exhibit(folder); };
}

std::string head_words(HeadId head) {
  return "L" + std::to_string(head.layer) + "H" + std::to_string(head.head);
}

}  // namespace

// A view joins with one line: title, name of its files, what makes its exhibit.
void App::register_exports() {
  AppState& s = state_;
  const auto named = [](const char* name) { return [name] { return std::string(name); }; };
  exports_.add(titles::heads, named("heads"), [&s] { return heads_export(s); });
  exports_.add(
      titles::attention, [&s] { return "attention-" + head_words(s.request.selected); },
      [this] {
        return attention_export({state_, theme_, fonts_, commands_, heatmaps_}, attention_);
      });
  exports_.add(titles::documents, named("documents"),
               [this] { return documents_export(state_, documents_.strip()); });
  exports_.add(titles::ranking, named("ranking"),
               [this] { return ranking_export(state_, ranking_.table()); });
  exports_.add(titles::overlay, named("overlay"), [&s] { return overlay_export(s); });
  exports_.add(titles::answer, named("answers"), [&s] {
    return from_runs(s, [](const ShownRuns& r) { return answers_exhibit(r); });
  });
  exports_.add(
      titles::layer, [this] { return "layer-" + std::to_string(layer_.layer()); },
      [this] { return layer_export(state_, layer_); });
  exports_.add(titles::difference, named("difference"),
               [this] { return difference_export(state_, difference_); });
  exports_.add(titles::lens, named("lens"), [&s] {
    return from_runs(s, [lens = s.snapshot->lens, ranks = s.view.lens.ranks](const ShownRuns& r) {
      return lens_exhibit(r, lens, ranks);
    });
  });
  exports_.add(titles::scores, named("scores"), [&s] {
    return from_runs(
        s, [split = s.snapshot->scores](const ShownRuns& r) { return scores_exhibit(r, split); });
  });
  exports_.add(titles::runs, named("runs"), [&s] { return runs_export(s); });
  exports_.add(titles::profiler, named("profile"), [this] { return profiler_.exhibit(state_); });
  exports_.add(titles::experiments, named("sweep"),
               [this] { return experiments_export(experiments_); });
  exports_.add(
      titles::tests, [this] { return tests_name(state_, tests_); },
      [this] { return tests_export(state_, tests_); });
}

void App::register_export_commands() {
  commands_.add({"file.export",
                 "Export what a view shows ...",
                 "File",
                 ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_E,
                 [this] { export_request_ = [this](ViewContext&) { exports_.open(); }; },
                 {},
                 {},
                 true});
  commands_.add({"edit.copy_picture",
                 "Copy the view as a picture",
                 "Edit",
                 ImGuiMod_Ctrl | ImGuiMod_Alt | ImGuiKey_C,
                 [this] { export_request_ = [this](ViewContext& c) { exports_.copy_picture(c); }; },
                 {},
                 {}});
  commands_.add({"edit.copy_table",
                 "Copy the view as a table",
                 "Edit",
                 ImGuiMod_Ctrl | ImGuiMod_Alt | ImGuiKey_T,
                 [this] { export_request_ = [this](ViewContext& c) { exports_.copy_table(c); }; },
                 {},
                 {}});
  for (int i = 0; i < prompt_tests; ++i) {
    const auto test = static_cast<PromptTest>(i);
    commands_.add({"export.test." + std::to_string(i),
                   std::string("Export a test of this prompt: ") + prompt_test_name(test) + " ...",
                   "File",
                   0,
                   [this, test] {
                     tests_.choose(test);
                     export_request_ = [this](ViewContext&) { exports_.open(titles::tests); };
                   },
                   [this, test] { return tests_.result(state_, test) != nullptr; },
                   {}});
  }
}

}  // namespace headscope
