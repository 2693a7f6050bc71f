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
#include "core/analysis/head_choice.h"
#include "core/base/file.h"
#include "core/base/version.h"
#include "core/exhibit/views.h"
#include "core/experiment/study_figures.h"
#include "core/experiment/weights_hash.h"

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
    default:
      return {"", "score"};
  }
}

HeadScoreChoice score_choice(const AppState& state) {
  HeadScoreChoice choice;
  std::tie(choice.option, choice.name) = score_words(state.view.score);
  const RunResult& base = *state.baseline();
  const RunResult& edited = state.intervened() != nullptr ? *state.intervened() : base;
  choice.baseline = score_values(base.scores, state.view.score);
  choice.intervened = score_values(edited.scores, state.view.score);
  choice.shown = shown_run(state.view.score_source);
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

ExhibitMaker heads_export(const AppState& state) {
  if (!look(state)) return nullptr;
  const MapScore score = state.view.score;
  if (score == MapScore::overlap)
    return [made = overlap_of(state)](const RunContext&) { return made; };
  const std::vector<float>& values = score_values(state.baseline()->scores, score);
  const bool measured = !values.empty() && !std::isnan(values.front());
  if (!measured && !state.snapshot->model->known_scores.empty()) {
    return from_runs(
        state, [model = state.snapshot->model, outlined = state.chosen()](const ShownRuns& runs) {
          return head_set_exhibit(runs, *model, outlined);
        });
  }
  return from_runs(state, [choice = score_choice(state)](const ShownRuns& runs) {
    return head_map_exhibit(runs, choice);
  });
}

ExhibitMaker ranking_export(const AppState& state) {
  if (!look(state)) return nullptr;
  return from_runs(state, [ranking = state.ranking(), known = state.snapshot->model->known_scores,
                           check = state.snapshot->causal](const ShownRuns& runs) {
    return ranking_exhibit(runs, ranking, known, check);
  });
}

ExhibitMaker attention_export(const AppState& state, const MapRegion& visible) {
  AttentionChoice choice;
  choice.head = state.request.selected;
  choice.shown = shown_run(state.view.map_source);
  choice.logarithmic = state.view.map_logarithmic;
  choice.region = visible;
  if (state.request.want_full_map) {
    choice.full = state.snapshot->full_map;
    choice.full_baseline = state.snapshot->full_map_baseline;
    if (!choice.full) choice.full = choice.full_baseline;
    if (!choice.full || choice.full->head != choice.head) return nullptr;
  }
  return from_runs(state,
                   [choice](const ShownRuns& runs) { return attention_exhibit(runs, choice); });
}

ExhibitMaker documents_export(const AppState& state) {
  std::vector<HeadId> heads = state.chosen();
  if (state.view.bars_of_selected || heads.empty()) heads = {state.request.selected};
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
      [this] { return attention_export(state_, attention_.visible()); });
  exports_.add(titles::documents, named("documents"), [&s] { return documents_export(s); });
  exports_.add(titles::ranking, named("ranking"), [&s] { return ranking_export(s); });
  exports_.add(titles::overlay, named("overlay"), [&s] { return overlay_export(s); });
  exports_.add(titles::answer, named("answers"), [&s] {
    return from_runs(s, [](const ShownRuns& r) { return answers_exhibit(r); });
  });
  exports_.add(titles::experiments, named("sweep"),
               [this] { return experiments_export(experiments_); });
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
}

}  // namespace headscope
