// render: one figure as PNG, SVG or PDF, from a head set or from a prompt, or the numbers in it; no
// display needed.
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>

#include "app/cli/command_line.h"
#include "app/cli/figure_origin.h"
#include "app/cli/made_by.h"
#include "app/cli/output.h"
#include "app/cli/render_run.h"
#include "core/analysis/head_choice.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/engine/head_metrics.h"
#include "core/figure/head_map.h"
#include "core/figure/overlap.h"
#include "core/figure/provenance.h"
#include "core/figure/ranking.h"
#include "core/figure/write.h"
#include "core/runner/open_model.h"
#include "core/session/head_set.h"

namespace headscope::cli {
namespace {

constexpr double kLeastAlong = 100;  // smaller pages have no room for words

Result<double> parse_length(std::string_view text, const Error& wrong) {
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = problem == std::errc{} && end == text.data() + text.size();
  if (!whole || !(value >= kLeastAlong) || value > figure::kMostPixelsAlong)
    return tl::unexpected(wrong);
  return value;
}

// "800x600"; nothing for empty text.
Result<std::optional<figure::Size>> parse_size(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const Error wrong{
      ErrorKind::usage,
      "--size: expected WIDTHxHEIGHT from 100 to 20000, such as 960x640, found '" + text + "'"};
  const std::size_t cross = text.find('x');
  if (cross == std::string::npos) return tl::unexpected(wrong);
  figure::Size size;
  HEADSCOPE_ASSIGN(size.width, parse_length(std::string_view(text).substr(0, cross), wrong));
  HEADSCOPE_ASSIGN(size.height, parse_length(std::string_view(text).substr(cross + 1), wrong));
  return size;
}

Result<figure::Options> look_of(const RenderOptions& options) {
  figure::Options look;
  HEADSCOPE_ASSIGN(look.size, parse_size(options.size));
  look.theme = figure::theme_from_name(options.theme).value_or(figure::Theme::light);
  look.palette = sequential_palette(options.palette).value_or(Palette::viridis);
  return look;
}

figure::Provenance provenance_of_set(const HeadSet& set, const std::string& file,
                                     const std::string& file_hash) {
  figure::Provenance p = figure::provenance_of(set.passport);
  if (set.samples > 0) p.samples = set.samples;
  p.settings.insert(p.settings.begin(), "head set " +
                                            std::filesystem::path(file).filename().string() +
                                            " (sha256 " + file_hash.substr(0, 12) + ")");
  return p;
}

// A ranking alone does not say how large its model is: --model does, or else its largest numbers.
Result<> give_shape(HeadSet& set, const RenderOptions& options) {
  if (options.model != kDemoModel) {
    HEADSCOPE_ASSIGN(const auto folder, model_folder(options.model));
    HEADSCOPE_ASSIGN(const auto config, load_config(folder.string()));
    HEADSCOPE_TRY(check_fits(set, options.heads, config.layers, config.heads));
    set.layers = config.layers;
    set.heads = config.heads;
  }
  if (set.layers > 0 && set.heads > 0) return {};
  const HeadId shape = figure::shape_of_ranking(set.ranking);
  set.layers = shape.layer;
  set.heads = shape.head;
  return {};
}

// What the scores of a set are: imported ones say it before a colon.
std::string score_name_of(const HeadSet& set) {
  const auto found = set.extra.find("definition");
  if (found == set.extra.end() || !found->is_string()) return "contextual score";
  const auto text = found->get<std::string>();
  return text.substr(0, text.find(':'));
}

// Both figures over all heads begin here.
struct AllHeads {
  HeadSet set;
  figure::Provenance provenance;
};

Result<AllHeads> heads_of_file(const RenderOptions& options, const std::string& file) {
  AllHeads all;
  HEADSCOPE_ASSIGN(all.set, read_head_set(file));
  HEADSCOPE_ASSIGN(const auto hash, sha256_file(file));
  HEADSCOPE_TRY(give_shape(all.set, options));
  all.provenance = provenance_of_set(all.set, file, hash);
  return all;
}

// What --score names, of one run.
std::vector<float> score_of(const RunResult& run, const std::string& option) {
  if (option == "relevant") return run.scores.relevant;
  if (option == "sink") return run.scores.sink;
  if (option == "irrelevant-sum") return run.scores.irrelevant_sum;
  if (option == "irrelevant-max") return run.scores.irrelevant_max;
  const auto metrics = head_metrics(run);
  return option == "entropy" ? metrics->entropy : metrics->distance;
}

std::string score_in_words(const std::string& option) {
  if (option == "relevant") return "contextual score";
  if (option == "sink") return "sink mass";
  if (option == "entropy") return "entropy (nats)";
  if (option == "distance") return "mean distance (tokens)";
  return option == "irrelevant-sum" ? "irrelevant mass, sum" : "irrelevant mass, largest document";
}

Result<Exhibit> head_map_of_run(const RenderOptions& options, ProgressPrinter& progress) {
  HEADSCOPE_ASSIGN(const auto run, run_for_figure(options, progress));
  HeadScoreChoice choice;
  choice.option = options.score;
  choice.name = score_in_words(options.score);
  choice.baseline = score_of(*run.runs.baseline, options.score);
  choice.intervened = score_of(run.runs.edited(), options.score);
  choice.shown = run.runs.compares() ? options.shown() : ShownRun::baseline;
  if (options.difference && !run.runs.compares())
    return fail(ErrorKind::usage, "--difference needs --intervene");
  const std::vector<float>& drawn = run.runs.compares() ? choice.intervened : choice.baseline;
  if (drawn.empty() || std::isnan(drawn.front())) {
    return bad_input("--figure " + options.figure +
                     ": no document of this prompt is marked as gold; name it with --gold");
  }
  const int layers = run.runs.baseline->layers, heads = run.runs.baseline->heads;
  if (options.choose.empty()) {
    choice.outlined_by_rank = true;
    choice.outlined =
        first_heads(rank_heads(drawn, layers, heads),
                    options.top_k.value_or(headscope::default_top_k(layers, heads)), layers, heads);
  } else {
    HEADSCOPE_ASSIGN(const auto group, heads_shown(run, options));
    choice.outlined = group.heads;
  }
  return head_map_exhibit(run.runs, choice);
}

Result<Exhibit> ranking_of_run(const RenderOptions& options, ProgressPrinter& progress) {
  HEADSCOPE_ASSIGN(auto run, run_for_figure(options, progress));
  if (run.runs.compares()) {  // the heads as the intervention leaves them
    run.runs.baseline = run.runs.intervened;
  }
  const HeadScores& scores = run.runs.baseline->scores;
  if (scores.relevant.empty() || std::isnan(scores.relevant.front())) {
    return bad_input("--figure " + options.figure +
                     ": no document of this prompt is marked as gold; name it with --gold");
  }
  HEADSCOPE_ASSIGN(
      auto exhibit,
      ranking_exhibit(run.runs, rank_heads(scores.relevant, scores.layers, scores.heads), {},
                      nullptr));
  exhibit.origin = run.runs.origin;
  return exhibit;
}

Result<AllHeads> all_heads(const RenderOptions& options) {
  if (!options.heads.empty()) return heads_of_file(options, options.heads);
  HEADSCOPE_ASSIGN(const auto folder, model_folder(options.model));
  const auto beside = folder / "heads.json";
  std::error_code ignored;
  if (std::filesystem::exists(beside, ignored)) return heads_of_file(options, beside.string());
  return fail(ErrorKind::usage,
              "--figure " + options.figure +
                  ": nothing to draw; give a head set (--heads heads.json) or a prompt");
}

Result<figure::Scene> head_map(const RenderOptions& options, const figure::Options& look) {
  HEADSCOPE_ASSIGN(auto all, all_heads(options));
  figure::HeadMapFigure f;
  f.layers = all.set.layers;
  f.heads = all.set.heads;
  f.outlined = options.top_k.value_or(headscope::default_top_k(f.layers, f.heads));
  f.scores = std::move(all.set.relevant);
  f.ranking = std::move(all.set.ranking);
  f.score_name = score_name_of(all.set);
  f.provenance = std::move(all.provenance);
  return figure::draw_head_map(f, look);
}

Result<figure::Scene> ranking(const RenderOptions& options, const figure::Options& look) {
  HEADSCOPE_ASSIGN(auto all, all_heads(options));
  if (all.set.relevant.empty()) {
    return bad_input(options.heads +
                     ": the head set has a ranking but no scores; --figure head-map can draw it");
  }
  figure::RankingFigure f;
  f.layers = all.set.layers;
  f.heads = all.set.heads;
  f.scores = std::move(all.set.relevant);
  if (!all.set.relevant_low.empty() && !all.set.relevant_high.empty()) {
    f.low = std::move(all.set.relevant_low);
    f.high = std::move(all.set.relevant_high);
  }
  f.score_name = score_name_of(all.set);
  f.provenance = std::move(all.provenance);
  return figure::draw_ranking(f, look);
}

// Both sets are of one model: the larger of the shapes that they and --model tell.
Result<figure::Scene> overlap(const RenderOptions& options, const figure::Options& look) {
  if (options.heads.empty() || options.heads_b.empty())
    return fail(ErrorKind::usage, "--figure overlap: give two head sets, --heads and --heads-b");
  HEADSCOPE_ASSIGN(auto a, read_head_set(options.heads));
  HEADSCOPE_ASSIGN(auto b, read_head_set(options.heads_b));
  if (a.layers > 0) HEADSCOPE_TRY(check_fits(b, options.heads_b, a.layers, a.heads));
  if (b.layers > 0) HEADSCOPE_TRY(check_fits(a, options.heads, b.layers, b.heads));
  HEADSCOPE_TRY(give_shape(a, options));
  HEADSCOPE_TRY(give_shape(b, options));
  figure::OverlapFigure f;
  f.layers = std::max(a.layers, b.layers);
  f.heads = std::max(a.heads, b.heads);
  f.top_k = options.top_k.value_or(default_top_k(f.layers, f.heads));
  f.a = std::move(a.ranking);
  f.b = std::move(b.ranking);
  f.name_a = std::filesystem::path(options.heads).filename().string();
  f.name_b = std::filesystem::path(options.heads_b).filename().string();
  HEADSCOPE_ASSIGN(const auto hash, sha256_file(options.heads));
  HEADSCOPE_ASSIGN(const auto hash_b, sha256_file(options.heads_b));
  f.provenance = provenance_of_set(a, options.heads, hash);
  f.provenance.settings.push_back("head set " + f.name_b + " (sha256 " + hash_b.substr(0, 12) +
                                  ")");
  return figure::draw_overlap(f, look);
}

Result<Exhibit> exhibit_of_run(const RenderOptions& options, ProgressPrinter& progress) {
  if (options.figure == "head-map") return head_map_of_run(options, progress);
  if (options.figure == "ranking") return ranking_of_run(options, progress);
  HEADSCOPE_ASSIGN(const auto run, run_for_figure(options, progress));
  if (options.difference && !run.runs.compares())
    return fail(ErrorKind::usage, "--difference needs --intervene");
  if (options.figure == "attention") {
    HEADSCOPE_ASSIGN(const auto choice, attention_choice(run, options));
    return attention_exhibit(run.runs, choice);
  }
  if (options.figure == "answers") return answers_exhibit(run.runs);
  if (options.figure == "overlay") {
    HEADSCOPE_ASSIGN(const auto choice, overlay_choice(run, options));
    return overlay_exhibit(run.runs, choice);
  }
  HEADSCOPE_ASSIGN(const auto group, heads_shown(run, options));
  if (options.figure == "documents-by-token")
    return document_strip_exhibit(run.runs, group, options.shown());
  return documents_exhibit(run.runs, group);
}

// A figure without a run.
Result<figure::Scene> draw_heads(const RenderOptions& options, const figure::Options& look) {
  if (options.figure == "overlap") return overlap(options, look);
  if (options.figure == "head-map") return head_map(options, look);
  if (options.figure == "ranking") return ranking(options, look);
  return fail(ErrorKind::usage,
              "--figure " + options.figure +
                  ": give a prompt (--prompt, --prompt-file, --ids, or --data with --sample)");
}

// Writes the figure, or what is in it. Returns its caption.
Result<std::string> write_rendered(const RenderOptions& options, ExportFormat format,
                                   ProgressPrinter& progress) {
  ExportLook look;
  HEADSCOPE_ASSIGN(look.figure, look_of(options));
  look.scale = options.scale;
  const bool of_run = options.figure != "overlap" && options.has_prompt();
  if (!of_run) HEADSCOPE_TRY(check_picture(options.file));
  if (options.figure == "overlay" && options.ids)
    return fail(ErrorKind::usage, "--figure overlay: give the prompt as text, not as ids");
  Exhibit exhibit;
  if (of_run) {
    HEADSCOPE_ASSIGN(exhibit, exhibit_of_run(options, progress));
  }
  HEADSCOPE_ASSIGN(const auto scene,
                   of_run ? exhibit.scene(look.figure) : draw_heads(options, look.figure));
  if (!is_picture(options.file)) {
    HEADSCOPE_TRY(write_exhibit(options.file, exhibit, format, look, progress.context()));
  } else {
    HEADSCOPE_ASSIGN(const std::string bytes, encode_picture(scene, format, look));
    HEADSCOPE_TRY(write_file_atomically(options.file, bytes));
  }
  return scene.description;
}

Result<> render(const RenderOptions& options) {
  const auto format = format_of_ending(options.file);
  if (!format) {
    return fail(ErrorKind::usage,
                options.file +
                    ": expected a name that ends in .png, .svg or .pdf, or of a prompt in .csv, "
                    ".json or .safetensors");
  }
  HEADSCOPE_TRY(check_folder_of(options.file));
  if (options.difference && options.figure != "head-map" && options.figure != "attention" &&
      options.figure != "overlay") {
    return fail(ErrorKind::usage, "--difference is for --figure head-map, attention and overlay");
  }
  if (!options.range.empty()) HEADSCOPE_TRY(range_from_text(options.range, "--range"));
  ProgressPrinter progress(options.quiet);
  HEADSCOPE_ASSIGN(const std::string caption, write_rendered(options, *format, progress));
  HEADSCOPE_TRY(write_made_by(options.file));
  return write_json({{"file", options.file}, {"figure", options.figure}, {"caption", caption}}, "");
}

void add_choice(CLI::App& command, RenderOptions& options) {
  constexpr int most = std::numeric_limits<int>::max();
  command
      .add_option(
          "--figure,-f", options.figure,
          "head-map, ranking, overlap, attention, documents, documents-by-token, overlay (the "
          "prompt's text) or answers (token by token)")
      ->check(CLI::IsMember({"head-map", "ranking", "overlap", "attention", "documents",
                             "documents-by-token", "overlay", "answers"}))
      ->required();
  command.add_option("--heads", options.heads,
                     "head set: scores and ranking, without running a model");
  command.add_option("--heads-b", options.heads_b,
                     "overlap: the head set that --heads is compared with");
  command.add_option("--layer", options.layer, "layer of the head to draw")
      ->check(CLI::Range(0, most));
  command.add_option("--head", options.head, "query head to draw")->check(CLI::Range(0, most));
  command.add_option("--choose", options.choose,
                     "heads to outline or to average over: LAYER:HEAD,LAYER:HEAD,... or all");
  command.add_option("--score", options.score, "head-map of a prompt: what is drawn")
      ->check(CLI::IsMember(
          {"relevant", "sink", "irrelevant-sum", "irrelevant-max", "entropy", "distance"}))
      ->capture_default_str();
  command.add_option("--pooling", options.pooling, "overlay: how rows and heads become one number")
      ->check(CLI::IsMember({"mean", "sum", "max"}))
      ->capture_default_str();
  command
      .add_option("--tokens", options.tokens,
                  "overlay: response tokens whose attention is shown, counted from 0: 0,3,4")
      ->delimiter(',')
      ->check(CLI::NonNegativeNumber);
  command.add_flag("--without-sink", options.without_sink,
                   "attention, overlay: tokens 0 and 1 are not painted, and do not set the scale");
  command.add_option("--top-k", options.top_k, "heads that are outlined, or averaged over")
      ->check(CLI::Range(0, most));
  command
      .add_option("--rows", options.rows, "response rows: where tokens are the input, or predicted")
      ->check(CLI::IsMember({"input", "predict"}))
      ->capture_default_str();
  command.add_flag("--difference", options.difference,
                   "intervened minus baseline: head-map, attention, overlay");
  auto* linear = command.add_flag("--linear", options.linear,
                                  "attention and overlay in linear instead of logarithmic colours");
  auto* per_row = command.add_flag("--per-row", options.per_row,
                                   "attention: each row by its own largest weight, linear");
  per_row->excludes(linear);
  command
      .add_option("--range", options.range,
                  "attention: LOW:HIGH, the weights at the ends of the colours, such as 0.001:0.2")
      ->excludes(per_row);
}

void add_look(CLI::App& command, RenderOptions& options) {
  command.add_option("--theme", options.theme, "light or dark page")
      ->check(CLI::IsMember({"light", "dark"}))
      ->capture_default_str();
  command.add_option("--palette", options.palette, "viridis, magma, cividis or grey")
      ->check(CLI::IsMember({"viridis", "magma", "cividis", "grey"}))
      ->capture_default_str();
  command.add_option("--size", options.size, "WIDTHxHEIGHT: pixels of PNG, points of SVG and PDF");
  command.add_option("--scale", options.scale, "pixels a point of PNG, where --size says nothing")
      ->check(CLI::Range(1, ExportLook::most_scale))
      ->capture_default_str();
  command
      .add_option("--out,-o", options.file,
                  "file to write: .png, .svg or .pdf; of a prompt also the numbers, as .csv or "
                  ".json (table) or .safetensors (arrays)")
      ->required();
}

}  // namespace

void add_render(CommandLine& line) {
  auto options = std::make_shared<RenderOptions>();
  CLI::App* command = line.add(
      "render", "one figure as PNG, SVG or PDF, or its numbers as CSV, JSON or safetensors",
      [options] { return render(*options); });
  add_choice(*command, *options);
  add_loaded_model(*command, *options);
  add_any_prompt(*command, *options);
  add_prompt_options(*command, *options);
  add_look(*command, *options);
  add_common(*command, *options, "");
}

}  // namespace headscope::cli
