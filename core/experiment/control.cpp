#include "core/experiment/control.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "core/analysis/head_choice.h"

namespace headscope {
namespace {

using Skipped = const char*;
constexpr Skipped skip_empty_arm = "empty response under an intervention";

Result<InterventionSet> interventions_of(const ControlArm& arm, const ModelConfig& config,
                                         const ControlOptions& options) {
  InterventionDescription description;
  const bool splits = arm.cell.method == SweepMethod::split_softmax;
  description.method = splits ? &split_softmax_method : &focus_method;
  description.values = splits ? MethodValues{arm.cell.tau.value_or(1)}
                              : MethodValues{arm.cell.alpha.value_or(0), /*use_key=*/0};
  description.heads = arm.heads;
  InterventionDefaults defaults;
  defaults.directions = options.directions;
  return InterventionSet::create({std::move(description)}, config, defaults);
}

class Control {
 public:
  Control(Model& model, const PromptEncoder& encoder, const ControlOptions& options,
          const RunContext& context)
      : model_(model), encoder_(encoder), options_(options), context_(context) {}

  Result<> prepare(const std::vector<ControlArm>& arms) {
    for (const ControlArm& arm : arms) {
      HEADSCOPE_ASSIGN(auto set, interventions_of(arm, model_.config(), options_));
      sets_.push_back(std::move(set));
    }
    return {};
  }

  Result<std::variant<ControlSample, Skipped>> measure(const QaSample& sample) const {
    HEADSCOPE_ASSIGN(const auto prompt, make_sample_prompt(sample, PromptKind::all, encoder_));
    if (prompt.gold.empty()) return skip_no_gold;
    if (prompt.tokens() > model_.config().context_length) return skip_too_long;
    SampleRunOptions how{.max_new_tokens = options_.max_new_tokens, .rows = options_.rows};
    HEADSCOPE_ASSIGN(auto baseline, run(prompt, how));
    if (baseline.ids.empty()) return skip_empty_response;
    if (options_.response == ControlResponse::baseline) {
      // The baseline once more in one pass, as the arms run: rounding is no movement.
      how.forced_response = baseline.ids;
      HEADSCOPE_ASSIGN(baseline, run(prompt, how));
    }
    ControlSample measured{sample.index, sample.question, std::move(baseline.scores.relevant), {}};
    for (const InterventionSet& set : sets_) {
      how.interventions = on_samples(set);
      HEADSCOPE_ASSIGN(auto arm, run(prompt, how));
      if (arm.ids.empty()) return skip_empty_arm;
      measured.arms.push_back(std::move(arm.scores.relevant));
    }
    return measured;
  }

 private:
  Result<SampleRun> run(const SamplePrompt& prompt, const SampleRunOptions& how) const {
    return run_sample(model_, encoder_.tokenizer(), prompt, how, context_);
  }

  Model& model_;
  const PromptEncoder& encoder_;
  const ControlOptions& options_;
  const RunContext& context_;
  std::vector<InterventionSet> sets_;  // of the arms
};

const ControlSample* find_finished(const ControlOptions& options, const QaSample& sample) {
  for (const ControlSample& known : options.finished) {
    if (known.index == sample.index && known.question == sample.question) return &known;
  }
  return nullptr;
}

}  // namespace

Result<ControlRun> plan_control(const ControlOptions& options, int layers, int heads) {
  if (options.random_heads < 1) {
    return fail(ErrorKind::usage, "--random-heads: the control needs at least one draw");
  }
  if (!options.alphas.empty() && options.directions == nullptr) {
    return fail(ErrorKind::usage,
                "--alpha needs --directions (headscope-cli train-directions makes them)");
  }
  const SweepAxes axes{.taus = options.taus,
                       .alphas = options.alphas,
                       .top_ks = {options.top_k},
                       .gold_positions = {},
                       .random_heads = options.random_heads,
                       .seed = options.seed};
  HEADSCOPE_ASSIGN(auto grid, make_sweep_grid(axes, options.ranking, layers, heads));
  ControlRun run;
  run.layers = layers;
  run.heads = heads;
  run.response = options.response;
  run.notes = std::move(grid.notes);
  bool has_random = false;
  for (const SweepCell& cell : grid.cells) {
    has_random = has_random || cell.heads == CellHeads::random;
    run.arms.push_back({cell, heads_of_cell(cell, options.ranking, layers, heads)});
  }
  if (!has_random) {
    return fail(ErrorKind::usage, "--top-k " + std::to_string(options.top_k) +
                                      ": too few heads lie outside the contextual ones to draw as "
                                      "many at random; take a smaller one");
  }
  return run;
}

Result<ControlRun> run_control(Model& model, const PromptEncoder& encoder,
                               std::span<const QaSample> samples, const ControlOptions& options,
                               const RunContext& context,
                               const std::function<Result<>(const ControlRun&)>& on_sample) {
  const ModelConfig& config = model.config();
  HEADSCOPE_ASSIGN(auto run, plan_control(options, config.layers, config.heads));
  Control control(model, encoder, options, context);
  HEADSCOPE_TRY(control.prepare(run.arms));
  for (std::size_t i = 0; i < samples.size(); ++i) {
    context.progress("sample", static_cast<double>(i), static_cast<double>(samples.size()));
    if (const auto* known = find_finished(options, samples[i])) {
      run.samples.push_back(*known);
      continue;
    }
    run.cancelled = context.cancelled();
    if (run.cancelled) break;
    auto outcome = control.measure(samples[i]);
    run.cancelled = !outcome && outcome.error().kind == ErrorKind::cancelled;
    if (run.cancelled) break;
    if (!outcome) return tl::unexpected(outcome.error());
    if (const auto* skipped = std::get_if<Skipped>(&*outcome)) {
      ++run.skipped[*skipped];
    } else {
      run.samples.push_back(std::move(std::get<ControlSample>(*outcome)));
    }
    if (on_sample) HEADSCOPE_TRY(on_sample(run));
  }
  return run;
}

}  // namespace headscope
