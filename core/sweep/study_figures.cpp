#include "core/sweep/study_figures.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <system_error>

#include "core/analysis/head_choice.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/figure/provenance.h"
#include "core/figure/write.h"
#include "core/sweep/control_figures.h"
#include "core/sweep/study_bench.h"
#include "core/sweep/study_suite.h"

namespace headscope {
namespace fs = std::filesystem;
namespace {

constexpr int kShownHashDigits = 12;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// "head set heads.json (sha256 0123456789ab)" among the settings.
Result<> name_file(const std::string& what, const fs::path& file, figure::Provenance& p) {
  HEADSCOPE_ASSIGN(const auto hash, sha256_file(file));
  p.settings.insert(p.settings.begin(), what + " " + file.filename().string() + " (sha256 " +
                                            hash.substr(0, kShownHashDigits) + ")");
  return {};
}

// What the sweep's cells have in common; nothing is known of a table that was copied alone.
Result<Passport> passport_of_sweep(const fs::path& folder) {
  const auto file = folder / "sweep.json";
  if (!is_there(file)) return Passport{};
  HEADSCOPE_ASSIGN(const auto json, read_json_file(file));
  HEADSCOPE_ASSIGN(const auto object, JsonObject::open(json, file.string()));
  HEADSCOPE_ASSIGN(const auto passport, object.object("passport"));
  return passport_from_json(passport.value(), file.string());
}

Result<std::vector<NamedFigure>> figures_of_sweep(const fs::path& folder) {
  const auto table = folder / "results.csv";
  HEADSCOPE_ASSIGN(const auto text, read_text_file(table));
  HEADSCOPE_ASSIGN(const auto rows, parse_sweep_table(text, table.string()));
  HEADSCOPE_ASSIGN(const auto passport, passport_of_sweep(folder));
  HEADSCOPE_ASSIGN(const auto cells, read_cell_samples(SweepFolder::view(folder)));
  return sweep_figures(rows, figure::provenance_of(passport), cells);
}

Result<std::vector<NamedFigure>> figures_of_head_set(const Json& json, const fs::path& file) {
  HEADSCOPE_ASSIGN(const auto set, head_set_from_json(json, file.string()));
  figure::Provenance provenance = figure::provenance_of(set.passport);
  if (set.samples > 0) provenance.samples = set.samples;
  HEADSCOPE_TRY(name_file("head set", file, provenance));
  return head_set_figures(set, std::move(provenance));
}

Result<std::vector<NamedFigure>> figures_of_control(const Json& json, const fs::path& file) {
  HEADSCOPE_ASSIGN(const auto result, control_result_from_json(json, file.string()));
  return control_figures(result, figure::provenance_of(result.passport));
}

Result<std::vector<NamedFigure>> figures_of_suite(const Json& json, const fs::path& file) {
  HEADSCOPE_ASSIGN(const auto table, suite_table_from_json(json, file.string()));
  figure::Provenance provenance = figure::provenance_of(table.passport);
  HEADSCOPE_TRY(name_file("table", file, provenance));
  return std::vector<NamedFigure>{suite_figure(table, provenance)};
}

Result<std::vector<NamedFigure>> figures_of_bench(const Json& json, const fs::path& file) {
  HEADSCOPE_ASSIGN(auto provenance, provenance_of_bench(json, file.string()));
  HEADSCOPE_TRY(name_file("bench", file, provenance));
  return bench_figures(json, file.string(), std::move(provenance));
}

bool is_head_set(const Json& json) {
  const bool pairs = json.is_array() && !json.empty() && json[0].is_array() && json[0].size() == 2;
  return pairs || (json.is_object() && json.contains("ranking"));
}

// Nothing when the file is none of the kinds; `found` tells that from a kind without figures.
Result<std::vector<NamedFigure>> figures_of_file(const fs::path& file, bool& found) {
  found = true;
  HEADSCOPE_ASSIGN(const auto json, read_json_file(file));
  const bool control = json.is_object() && json.value("experiment", Json()) == "control";
  if (control) return figures_of_control(json, file);
  if (is_suite_table(json)) return figures_of_suite(json, file);
  if (is_bench_report(json)) return figures_of_bench(json, file);
  if (is_head_set(json)) return figures_of_head_set(json, file);
  found = false;
  return std::vector<NamedFigure>{};
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code problem;
  for (fs::directory_iterator entry(folder, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    entries.push_back(entry->path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

// Gathers figures under names that no other has.
class Collection {
 public:
  void add(std::vector<NamedFigure> figures, const fs::path& source) {
    if (figures.empty()) return;
    study_.sources.push_back(source.string());
    const std::string stem = source.stem().string();
    for (NamedFigure& named : figures) {
      if (!names_.insert(named.name).second) {
        named.name = stem + "-" + named.name;
        for (int i = 2; !names_.insert(named.name).second; ++i)
          named.name = stem + "-" + named.name + "-" + std::to_string(i);
      }
      study_.figures.push_back(std::move(named));
    }
  }

  Result<> add_folder(const fs::path& folder) {
    if (is_there(folder / "results.csv")) {
      HEADSCOPE_ASSIGN(auto figures, figures_of_sweep(folder));
      add(std::move(figures), folder);
    }
    return {};
  }

  // Files that are something else (study.json, sweep.json) are left alone.
  Result<> add_file(const fs::path& file) {
    bool found = false;
    HEADSCOPE_ASSIGN(auto figures, figures_of_file(file, found));
    add(std::move(figures), file);
    return {};
  }

  StudyFigures take() { return std::move(study_); }

 private:
  StudyFigures study_;
  std::set<std::string> names_;
};

Result<StudyFigures> figures_of_one_file(const fs::path& file) {
  bool found = false;
  HEADSCOPE_ASSIGN(auto figures, figures_of_file(file, found));
  if (!found) {
    return bad_input(file.string() +
                     ": expected a head set, the result of headscope-cli control, a table of "
                     "suites ({\"rows\":[{\"task\",\"length\",...}]}), or what bench wrote of the "
                     "suites growth and peers");
  }
  if (figures.empty()) return bad_input(file.string() + ": it holds no number to draw");
  Collection collection;
  collection.add(std::move(figures), file);
  return collection.take();
}

// How far the first heads of n samples are those of all; no panel where the set does not say.
figure::CurvesFigure stability_figure(const HeadSet& set) {
  const StabilityCurve found = stability_of(set);
  figure::CurvesFigure f;
  if (found.points.size() < 2) return f;
  const std::string k = std::to_string(found.k);
  f.title = "How many samples the ranking needs";
  f.text = "Overlap (Jaccard) of the top " + k + " heads of n samples, drawn with replacement, " +
           "with the top " + k + " of all samples: mean and 95 % of the draws.";
  figure::Panel panel;
  panel.x_label = "Samples";
  panel.y_label = "Jaccard of the top " + k;
  panel.logarithmic = true;
  panel.y_low = 0;
  panel.y_high = 1;
  figure::Curve curve{"top " + k, {}, 0};
  for (const StabilityPoint& point : found.points) {
    panel.x_ticks.push_back(static_cast<double>(point.n));
    curve.points.push_back({static_cast<double>(point.n), point.jaccard, point.low, point.high});
  }
  panel.curves.push_back(std::move(curve));
  f.panels.push_back(std::move(panel));
  return f;
}

}  // namespace

std::vector<NamedFigure> head_set_figures(const HeadSet& set, figure::Provenance provenance) {
  const HeadId shape =
      set.layers > 0 ? HeadId{set.layers, set.heads} : figure::shape_of_ranking(set.ranking);
  const int top_k = default_top_k(shape.layer, shape.head);
  const auto of_all_heads = [&](auto drawn) {
    drawn.layers = shape.layer;
    drawn.heads = shape.head;
    drawn.scores = set.relevant;
    drawn.provenance = provenance;
    return drawn;
  };
  std::vector<NamedFigure> figures;
  auto map = of_all_heads(figure::HeadMapFigure());
  map.ranking = set.ranking;
  map.outlined = top_k;
  figures.push_back({"contextual-heads-map", std::move(map)});
  if (!set.relevant.empty()) {
    auto curve = of_all_heads(figure::RankingFigure());
    curve.low = set.relevant_low;
    curve.high = set.relevant_high;
    figures.push_back({"contextual-heads-ranking", std::move(curve)});
  }
  auto layers = of_all_heads(figure::LayerSpreadFigure());
  layers.ranking = set.ranking;
  layers.top_k = top_k;
  figures.push_back({"contextual-heads-layers", std::move(layers)});
  auto stability = stability_figure(set);
  if (stability.panels.empty()) return figures;
  stability.provenance = std::move(provenance);
  figures.push_back({"contextual-heads-stability", std::move(stability)});
  return figures;
}

namespace {

// A file of results in a folder of several. The summary that `evaluate` leaves beside its lines
// repeats the table of a suite.
bool holds_results(const fs::path& entry) {
  return entry.extension() == ".json" && !is_folder(entry) &&
         !entry.filename().string().ends_with(".summary.json");
}

}  // namespace

Result<StudyFigures> study_figures(const fs::path& from) {
  if (!is_there(from)) return bad_input(from.string() + ": does not exist");
  if (!is_folder(from)) return figures_of_one_file(from);
  Collection collection;
  HEADSCOPE_TRY(collection.add_folder(from));
  const bool sweep = is_there(from / "results.csv");
  for (const fs::path& entry : entries_of(from)) {
    if (sweep) break;  // its own files are no results of another kind
    if (is_folder(entry)) HEADSCOPE_TRY(collection.add_folder(entry));
    if (holds_results(entry)) HEADSCOPE_TRY(collection.add_file(entry));
  }
  StudyFigures study = collection.take();
  if (study.figures.empty()) {
    return bad_input(from.string() +
                     ": nothing to draw; expected a sweep (results.csv, with rows of --tau, "
                     "--alpha or --gold-positions), or a folder of sweeps, head sets, control.json "
                     "and tables of suites");
  }
  return study;
}

Result<Json> write_study_figures(const StudyFigures& study, const fs::path& folder,
                                 const figure::Options& look) {
  HEADSCOPE_TRY(create_folders(folder));
  Json written = Json::array();
  std::string captions;
  for (const NamedFigure& named : study.figures) {
    HEADSCOPE_ASSIGN(const auto scene, figure::draw_figure(named.figure, look));
    Json files = Json::array();
    for (const char* ending : {".svg", ".png", ".pdf"}) {
      const auto file = folder / (named.name + ending);
      HEADSCOPE_TRY(figure::write_figure(file, scene));
      files.push_back(file.string());
    }
    const auto numbers = folder / (named.name + ".csv");
    HEADSCOPE_TRY(write_file_atomically(numbers, figure::csv_of(named.figure)));
    files.push_back(numbers.string());
    captions += "**" + scene.title + "** (" + named.name + "). " + scene.description + "\n\n";
    written.push_back({{"name", named.name},
                       {"title", scene.title},
                       {"caption", scene.description},
                       {"files", std::move(files)}});
  }
  HEADSCOPE_TRY(write_file_atomically(folder / "captions.md", captions));
  return written;
}

}  // namespace headscope
