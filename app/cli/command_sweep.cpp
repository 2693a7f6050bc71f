// sweep: exact match over a grid of interventions, by one process or by many that share a folder.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <thread>

#include "app/cli/command_line.h"
#include "app/cli/experiment_options.h"
#include "app/cli/intervene.h"
#include "app/cli/output.h"
#include "app/cli/prompt_input.h"
#include "core/base/hash.h"
#include "core/base/platform.h"
#include "core/experiment/sweep.h"
#include "core/session/directions_file.h"
#include "core/session/head_set.h"

namespace headscope::cli {
namespace {

struct Options : CommonOptions, ModelChoice, PromptOptions, DataOptions {
  std::string heads, directions, folder;
  SweepAxes axes;
  std::optional<int> rank, ranks;
};

Result<> check_options(const Options& options) {
  if (!options.intervene.empty()) {
    return fail(ErrorKind::usage, "--intervene: the grid says what a sweep changes; use evaluate");
  }
  if (!options.axes.alphas.empty() && options.directions.empty()) {
    return fail(ErrorKind::usage,
                "--alpha needs --directions (headscope-cli train-directions makes them)");
  }
  return {};
}

// Processes on one machine share its cores and its cards.
LoadOptions load_options(const Options& options, const ProcessRank& process) {
  // CUDA is not open yet: it sees what is set now.
  const auto cards = cards_of_process(visible_cards(process_environment()), process);
  if (cards) platform::set_environment("CUDA_VISIBLE_DEVICES", cards->c_str(), true);
  LoadOptions load = cli::load_options(options, options);
  const int neighbours = process.local_ranks.value_or(1);
  if (load.threads == 0 && neighbours > 1) {
    const auto cores = static_cast<int>(std::thread::hardware_concurrency());
    load.threads = std::max(1, cores / neighbours);
  }
  return load;
}

struct Inputs {
  std::vector<HeadId> ranking;
  std::shared_ptr<const Directions> directions;
  UsedData used;
};

Result<Inputs> read_inputs(const Options& options, const ModelConfig& config) {
  Inputs inputs;
  HEADSCOPE_ASSIGN(auto heads, read_head_set(options.heads));
  HEADSCOPE_TRY(check_fits(heads, options.heads, config.layers, config.heads));
  inputs.ranking = std::move(heads.ranking);
  inputs.used.add(heads.passport);
  if (options.directions.empty()) return inputs;
  HEADSCOPE_ASSIGN(auto file, read_directions(options.directions));
  HEADSCOPE_TRY(check_fits(file.directions, options.directions, config.layers, config.heads,
                           config.head_dim));
  inputs.directions = std::make_shared<const Directions>(std::move(file.directions));
  inputs.used.add(file.passport);
  return inputs;
}

// What all cells have in common.
Result<> describe(const Options& options, const ChosenSamples& chosen, int baseline_top_k,
                  Passport& settings) {
  Json& all = settings.options;
  all["heads"] = std::filesystem::path(options.heads).filename().string();
  HEADSCOPE_ASSIGN(all["heads_sha256"], sha256_file(options.heads));
  if (!options.directions.empty()) {
    all["directions"] = std::filesystem::path(options.directions).filename().string();
    HEADSCOPE_ASSIGN(all["directions_sha256"], directions_sha256(options.directions));
  }
  all["baseline_top_k"] = baseline_top_k;
  std::string samples;
  for (const QaSample& sample : chosen.samples) {
    samples += std::to_string(sample.index) + " " + sample.question + "\n";
  }
  all["samples_sha256"] = sha256_hex(samples);
  return {};
}

// The cell without control where the exact match is highest, and the baselines.
Json highlights(const std::vector<SweepResult>& results, const std::vector<SweepCell>& cells) {
  Json best = nullptr, baselines = Json::array();
  for (const SweepResult& result : results) {
    if (std::find(cells.begin(), cells.end(), result.cell) == cells.end()) continue;
    const Json row = to_json(row_of(result));
    if (result.cell.method == SweepMethod::none) baselines.push_back(row);
    if (result.cell.method == SweepMethod::none || result.cell.is_control()) continue;
    if (row["em"].is_number() && (best.is_null() || row["em"] > best["em"])) best = row;
  }
  return {{"best", best}, {"baselines", baselines}};
}

// Measured time beside what the same cells take one by one, and what the touched layers allow.
Json cost_json(const SharedCost& cost) {
  return {{"seconds", cost.seconds()},
          {"separate_seconds", cost.separate_seconds()},
          {"bound_seconds", cost.bound_seconds()},
          {"times_faster", cost.separate_seconds() / cost.seconds()},
          {"times_faster_bound", cost.separate_seconds() / cost.bound_seconds()},
          {"layer_rows",
           {{"run", cost.layer_rows}, {"separate", cost.separate}, {"bound", cost.bound}}},
          {"how",
           "seconds are measured; separate and bound are accounted: rows times layers of the "
           "prompts at the measured time of one, and everything else at its measured time, for "
           "every cell or once for cells that change the same"}};
}

Result<Json> summary(const Options& options, const SweepFolder& folder, const SweepGrid& grid,
                     const SweepOutcome& outcome, const ProcessRank& process) {
  HEADSCOPE_ASSIGN(auto results, folder.results());
  std::sort(results.begin(), results.end(),
            [](const SweepResult& a, const SweepResult& b) { return a.cell < b.cell; });
  const bool complete = std::all_of(grid.cells.begin(), grid.cells.end(),
                                    [&](const SweepCell& cell) { return folder.finished(cell); });
  Json summary = highlights(results, grid.cells);
  summary["folder"] = options.folder;
  summary["table"] = folder.table_file().string();
  summary["cells"] = {{"total", grid.cells.size()},
                      {"done", outcome.done},
                      {"skipped", outcome.skipped},
                      {"elsewhere", outcome.elsewhere}};
  if (outcome.cost.seconds() > 0) summary["cost"] = cost_json(outcome.cost);
  summary["complete"] = complete;
  summary["rank"] = process.rank;
  summary["ranks"] = process.ranks;
  return summary;
}

Result<> sweep(const Options& options) {
  HEADSCOPE_TRY(check_options(options));
  HEADSCOPE_ASSIGN(const auto process,
                   find_rank(options.rank, options.ranks, process_environment()));
  ProgressPrinter progress(options.quiet);
  const RunContext context = progress.context();
  if (process.ranks > 1) {
    progress.note("process " + std::to_string(process.rank) + " of " +
                  std::to_string(process.ranks) + " (" + process.launcher + ")");
  }
  HEADSCOPE_ASSIGN(const auto data, load_dataset(options.data));
  HEADSCOPE_ASSIGN(const auto opened,
                   open_model(options.model, load_options(options, process), context));
  HEADSCOPE_ASSIGN(const auto encoder, prompt_encoder(options, opened));
  const ModelConfig& config = opened.model->config();
  HEADSCOPE_ASSIGN(const auto inputs, read_inputs(options, config));
  HEADSCOPE_ASSIGN(const auto chosen, choose_for_evaluation(data, options.wanted_part(),
                                                            options.samples, inputs.used));
  print_notes(progress, chosen.notes);
  HEADSCOPE_TRY(check_gold_positions(chosen.samples, options.axes.gold_positions));
  SweepAxes axes = options.axes;
  axes.seed = options.seed;
  HEADSCOPE_ASSIGN(const auto grid,
                   make_sweep_grid(axes, inputs.ranking, config.layers, config.heads));
  print_notes(progress, grid.notes);
  HEADSCOPE_ASSIGN(auto settings, make_passport(opened, encoder, data, chosen, options, options,
                                                options, context));
  HEADSCOPE_TRY(describe(options, chosen, default_top_k(opened), settings));
  HEADSCOPE_ASSIGN(const auto folder, SweepFolder::open(options.folder, settings));
  const SweepOptions how{.ranking = inputs.ranking,
                         .directions = inputs.directions,
                         .baseline_top_k = default_top_k(opened),
                         .max_new_tokens = options.max_new_tokens,
                         .rows = options.row_convention(),
                         .process = process,
                         .workers = options.threads > 0 || process.ranks > 1 ? 1 : 0};
  HEADSCOPE_ASSIGN(const auto outcome, run_sweep(*opened.model, encoder, chosen.samples, grid.cells,
                                                 how, folder, context));
  HEADSCOPE_ASSIGN(auto report, summary(options, folder, grid, outcome, process));
  report["part"] = part_name(chosen.part);
  report["notes"] = chosen.notes;
  for (const std::string& note : grid.notes) report["notes"].push_back(note);
  HEADSCOPE_TRY(write_json(report, ""));
  if (outcome.cancelled) return fail(ErrorKind::cancelled, "interrupted; run again to go on");
  return {};
}

void add_axes(CLI::App& command, Options& options) {
  SweepAxes& axes = options.axes;
  command.add_option("--tau", axes.taus, "split-softmax strengths, 0.1,0.2")->delimiter(',');
  command.add_option("--alpha", axes.alphas, "focus strengths, 0.1,0.3; needs --directions")
      ->delimiter(',');
  command.add_option("--directions", options.directions, "focus directions");
  command.add_option("--top-k", axes.top_ks, "numbers of heads, 1,5,10")->delimiter(',');
  command
      .add_option("--gold-positions", axes.gold_positions,
                  "where the gold document is moved to, from 0 (default: it stays)")
      ->delimiter(',');
  command.add_option("--random-heads", axes.random_heads,
                     "control: so many draws of as many heads outside the contextual ones");
  command.add_option("--random-directions", axes.random_directions,
                     "control: so many draws of directions of equal norm");
  command.add_flag("--baselines", axes.baselines,
                   "without intervention: all documents, the gold one, all others");
}

}  // namespace

void add_sweep(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      line.add("sweep", "exact match over a grid of interventions; run again to go on",
               [options] { return sweep(*options); });
  add_loaded_model(*command, *options);
  add_data(*command, *options, true,
           "questions to evaluate on (default: all, or the test part when heads or directions were "
           "made from this data)");
  command->add_option("--heads", options->heads, "head set whose first heads are acted on")
      ->required();
  add_axes(*command, *options);
  add_prompt_options(*command, *options);
  command->add_option("--rank", options->rank,
                      "this process's number, from 0 (default: of torchrun, Open MPI, PMI or "
                      "Slurm, in this order)");
  command->add_option("--ranks", options->ranks, "how many processes share the folder");
  command->add_option("--out,-o", options->folder, "folder for results.csv and the cells")
      ->required();
  add_common(*command, *options, "");
}

}  // namespace headscope::cli
