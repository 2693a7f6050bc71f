#include "core/experiment/sweep.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/analysis/head_choice.h"
#include "core/experiment/sweep_paired.h"

namespace headscope {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kKeepInterval = std::chrono::seconds(30);

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The intervention of a cell, with its heads named one by one.
Result<InterventionSet> interventions_of(const SweepCell& cell, std::vector<HeadId> heads,
                                         const ModelConfig& config, const SweepOptions& options) {
  if (cell.method == SweepMethod::none) return InterventionSet();
  InterventionDescription description;
  const bool splits = cell.method == SweepMethod::split_softmax;
  description.method = splits ? &split_softmax_method : &focus_method;
  description.values = splits ? MethodValues{cell.tau.value_or(1)}
                              : MethodValues{cell.alpha.value_or(0), /*use_key=*/0};
  description.heads = std::move(heads);
  InterventionDefaults defaults;
  defaults.directions = options.directions;
  if (cell.method == SweepMethod::random_directions) {
    description.directions = "random";
    defaults.seed = cell.seed.value_or(0);
  }
  return InterventionSet::create({std::move(description)}, config, defaults);
}

Result<std::vector<QaSample>> samples_of(const SweepCell& cell, std::span<const QaSample> samples) {
  std::vector<QaSample> moved(samples.begin(), samples.end());
  if (!cell.gold_position) return moved;
  for (QaSample& sample : moved) HEADSCOPE_TRY(move_gold(sample, *cell.gold_position));
  return moved;
}

class Sweep {
 public:
  Sweep(Model& model, const PromptEncoder& encoder, std::span<const QaSample> samples,
        const std::vector<SweepCell>& cells, const SweepOptions& options, const SweepFolder& folder,
        const RunContext& context)
      : model_(model),
        encoder_(encoder),
        samples_(samples),
        cells_(cells),
        options_(options),
        folder_(folder),
        context_(context) {}

  Result<SweepOutcome> run() {
    const auto [rank, ranks] = std::pair(options_.process.rank, options_.process.ranks);
    const auto order = work_order(cells_.size(), rank, ranks);
    for (const SweepCell& cell : cells_) outcome_.skipped += folder_.finished(cell) ? 1 : 0;
    auto merged = Clock::now();
    for (const std::size_t index : order) {
      if (outcome_.cancelled) break;
      HEADSCOPE_TRY(take(cells_[index], in_own_share(index, rank, ranks)));
      if (Clock::now() - merged < kKeepInterval) continue;
      HEADSCOPE_TRY(folder_.merge());
      merged = Clock::now();
    }
    HEADSCOPE_TRY(folder_.merge());
    if (!outcome_.cancelled) {
      outcome_.elsewhere = static_cast<int>(cells_.size()) - outcome_.done - outcome_.skipped;
    }
    return outcome_;
  }

 private:
  Result<> take(const SweepCell& cell, bool own) {
    if (folder_.finished(cell)) return {};
    HEADSCOPE_ASSIGN(const auto claim, folder_.claim(cell));
    // Where the file system knows no locks, everybody keeps to his share.
    const bool may_run = claim && (claim->excludes() || own);
    if (!may_run || folder_.finished(cell)) return {};
    return run_cell(cell);
  }

  Result<> run_cell(const SweepCell& cell) {
    const ModelConfig& config = model_.config();
    const auto start = Clock::now();
    SweepResult result;
    result.cell = cell;
    result.heads = heads_of_cell(cell, options_.ranking, config.layers, config.heads);
    result.mass_heads =
        result.heads.empty()
            ? first_heads(options_.ranking, options_.baseline_top_k, config.layers, config.heads)
            : result.heads;
    HEADSCOPE_ASSIGN(const auto set, interventions_of(cell, result.heads, config, options_));
    HEADSCOPE_ASSIGN(const auto samples, samples_of(cell, samples_));
    const EvaluateOptions how{.prompt = cell.prompt,
                              .max_new_tokens = options_.max_new_tokens,
                              .rows = options_.rows,
                              .mass_heads = result.mass_heads,
                              .before_split = set.splits(),
                              .interventions = on_samples(set),
                              .finished = folder_.samples_before(cell)};
    HEADSCOPE_ASSIGN(const auto run, evaluate_samples(model_, encoder_, samples, how,
                                                      context_for(cell), keeper(cell)));
    if (run.cancelled) {
      outcome_.cancelled = true;
      return folder_.keep(cell, run);
    }
    result.summary = summary_json(run);
    result.about = {{"seconds", seconds_since(start)},
                    {"device", model_.device_name()},
                    {"rank", options_.process.rank},
                    {"ranks", options_.process.ranks}};
    HEADSCOPE_TRY(folder_.finish(result, run));
    ++outcome_.done;
    return {};
  }

  // Now and then, so that a killed process loses at most so much work.
  std::function<Result<>(const EvaluateRun&)> keeper(const SweepCell& cell) const {
    return [this, &cell, last = Clock::now()](const EvaluateRun& run) mutable -> Result<> {
      if (Clock::now() - last < kKeepInterval) return {};
      last = Clock::now();
      return folder_.keep(cell, run);
    };
  }

  // Progress over all samples of all cells, other processes' included.
  RunContext context_for(const SweepCell& cell) const {
    const auto finished = std::count_if(cells_.begin(), cells_.end(),
                                        [this](const auto& c) { return folder_.finished(c); });
    const auto size = static_cast<double>(samples_.size());
    const double before = static_cast<double>(finished) * size;
    const double total = static_cast<double>(cells_.size()) * size;
    RunContext inner = context_;
    inner.on_progress = [this, before, total, name = cell_name(cell)](const Progress& progress) {
      context_.progress(name, before + progress.done, total);
    };
    return inner;
  }

  Model& model_;
  const PromptEncoder& encoder_;
  std::span<const QaSample> samples_;
  const std::vector<SweepCell>& cells_;
  const SweepOptions& options_;
  const SweepFolder& folder_;
  const RunContext& context_;
  SweepOutcome outcome_;
};

}  // namespace

Result<> check_gold_positions(std::span<const QaSample> samples,
                              const std::vector<std::size_t>& positions) {
  if (positions.empty()) return {};
  const std::size_t last = *std::max_element(positions.begin(), positions.end());
  for (const QaSample& sample : samples) {
    const std::string name = "--gold-positions: sample " + std::to_string(sample.index);
    if (!sample.gold_position()) return bad_input(name + " has no gold document to move");
    if (sample.documents.size() <= last) {
      return bad_input(name + " has " + std::to_string(sample.documents.size()) +
                       " documents, so no position " + std::to_string(last) + " (from 0)");
    }
  }
  return {};
}

Result<SweepOutcome> run_sweep(Model& model, const PromptEncoder& encoder,
                               std::span<const QaSample> samples,
                               const std::vector<SweepCell>& cells, const SweepOptions& options,
                               const SweepFolder& folder, const RunContext& context) {
  HEADSCOPE_ASSIGN(const auto outcome,
                   Sweep(model, encoder, samples, cells, options, folder, context).run());
  if (!outcome.cancelled) HEADSCOPE_TRY(write_paired_table(folder));
  return outcome;
}

}  // namespace headscope
