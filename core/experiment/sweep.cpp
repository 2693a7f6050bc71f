#include "core/experiment/sweep.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include <ATen/Parallel.h>

#include "core/analysis/head_choice.h"
#include "core/sweep/sweep_paired.h"

namespace headscope {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kKeepInterval = std::chrono::seconds(30);
constexpr auto kMergeInterval = std::chrono::seconds(3);  // somebody may watch the table grow
constexpr std::size_t kLargestBatch = 32;

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
    auto order = work_order(cells_.size(), rank, ranks);
    for (const SweepCell& cell : cells_) outcome_.skipped += folder_.finished(cell) ? 1 : 0;
    auto merged = Clock::now();
    while (!order.empty() && !outcome_.cancelled) {
      HEADSCOPE_ASSIGN(const auto batch, claim_batch(order));
      HEADSCOPE_TRY(run_batch(batch));
      if (Clock::now() - merged < kMergeInterval) continue;
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
  struct Claimed {
    SweepCell cell;
    FileLock lock;
  };

  // Cells that other processes could still take are left to them: a share is several batches.
  std::size_t largest_batch() const {
    const auto ranks = static_cast<std::size_t>(options_.process.ranks);
    return ranks == 1 ? kLargestBatch
                      : std::clamp<std::size_t>(cells_.size() / (4 * ranks), 1, kLargestBatch);
  }

  // Takes the next cells of one kind of prompt out of `order`, as far as they are to be had.
  Result<std::vector<Claimed>> claim_batch(std::vector<std::size_t>& order) const {
    const SweepCell& first = cells_[order.front()];
    const auto [rank, ranks] = std::pair(options_.process.rank, options_.process.ranks);
    const bool own = in_own_share(order.front(), rank, ranks);
    std::vector<Claimed> batch;
    std::vector<std::size_t> later;
    for (const std::size_t index : order) {
      const SweepCell& cell = cells_[index];
      const bool alike = cell.prompt == first.prompt && cell.gold_position == first.gold_position;
      if (!alike || in_own_share(index, rank, ranks) != own || batch.size() == largest_batch()) {
        later.push_back(index);
        continue;
      }
      if (folder_.finished(cell)) continue;
      HEADSCOPE_ASSIGN(auto claim, folder_.claim(cell));
      // Where the file system knows no locks, everybody keeps to his share.
      const bool may_run = claim && (claim->excludes() || own);
      if (may_run && !folder_.finished(cell)) batch.push_back({cell, std::move(*claim)});
    }
    order = std::move(later);
    return batch;
  }

  Result<SweepResult> begin_result(const SweepCell& cell) const {
    const ModelConfig& config = model_.config();
    SweepResult result;
    result.cell = cell;
    result.heads = heads_of_cell(cell, options_.ranking, config.layers, config.heads);
    result.mass_heads =
        result.heads.empty()
            ? first_heads(options_.ranking, options_.baseline_top_k, config.layers, config.heads)
            : result.heads;
    return result;
  }

  Result<> run_batch(const std::vector<Claimed>& batch) {
    if (batch.empty()) return {};
    std::vector<SweepResult> results;
    std::vector<InterventionSet> sets;  // the settings refer to them
    for (const Claimed& claimed : batch) {
      HEADSCOPE_ASSIGN(auto result, begin_result(claimed.cell));
      HEADSCOPE_ASSIGN(auto set,
                       interventions_of(claimed.cell, result.heads, model_.config(), options_));
      results.push_back(std::move(result));
      sets.push_back(std::move(set));
    }
    std::vector<EvaluateOptions> settings;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      settings.push_back({.prompt = batch[i].cell.prompt,
                          .max_new_tokens = options_.max_new_tokens,
                          .rows = options_.rows,
                          .mass_heads = results[i].mass_heads,
                          .before_split = sets[i].splits(),
                          .interventions = on_samples(sets[i]),
                          .finished = folder_.samples_before(batch[i].cell)});
    }
    HEADSCOPE_ASSIGN(const auto samples, samples_of(batch.front().cell, samples_));
    HEADSCOPE_ASSIGN(const auto done,
                     evaluate_together(model_, encoder_, samples, settings, context_for(batch),
                                       keeper(batch), {workers(), /*decode_together=*/true}));
    outcome_.cost.add(done.cost);
    if (done.cancelled) {
      outcome_.cancelled = true;
      return keep(batch, done.runs);
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
      results[i].summary = summary_json(done.runs[i]);
      HEADSCOPE_TRY(folder_.finish(results[i], done.runs[i]));
      ++outcome_.done;
    }
    return {};
  }

  // A small model has too little for two threads to do on one sample.
  int workers() const {
    if (options_.workers > 0) return options_.workers;
    if (!model_.device_name().starts_with("cpu")) return 1;
    const auto cores = static_cast<int>(std::thread::hardware_concurrency());
    return std::max(1, cores / at::get_num_threads());
  }

  Result<> keep(const std::vector<Claimed>& batch, const std::vector<EvaluateRun>& runs) const {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      HEADSCOPE_TRY(folder_.keep(batch[i].cell, runs[i]));
    }
    return {};
  }

  // Now and then, so that a killed process loses at most so much work.
  std::function<Result<>(const std::vector<EvaluateRun>&)> keeper(
      const std::vector<Claimed>& batch) const {
    return [this, &batch,
            last = Clock::now()](const std::vector<EvaluateRun>& runs) mutable -> Result<> {
      if (Clock::now() - last < kKeepInterval) return {};
      last = Clock::now();
      return keep(batch, runs);
    };
  }

  // Progress over all samples of all cells, other processes' included.
  RunContext context_for(const std::vector<Claimed>& batch) const {
    const auto finished = std::count_if(cells_.begin(), cells_.end(),
                                        [this](const auto& c) { return folder_.finished(c); });
    const auto size = static_cast<double>(samples_.size());
    const double before = static_cast<double>(finished) * size;
    const double total = static_cast<double>(cells_.size()) * size;
    RunContext inner = context_;
    const auto cells = static_cast<double>(batch.size());
    std::string name = cell_name(batch.front().cell);
    if (batch.size() > 1) name += " and " + std::to_string(batch.size() - 1) + " more";
    inner.on_progress = [this, before, total, cells, name](const Progress& progress) {
      context_.progress(name, before + progress.done * cells, total);
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
