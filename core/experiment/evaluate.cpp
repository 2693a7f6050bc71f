#include "core/experiment/evaluate.h"

#include <algorithm>
#include <chrono>

#include <ATen/Parallel.h>

#include "core/analysis/metrics.h"
#include "core/experiment/in_order.h"
#include "core/intervention/edit_plan.h"

namespace headscope {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

EvaluatedSample described(const QaSample& sample, const SampleRun& run,
                          const EvaluateOptions& options) {
  EvaluatedSample result;
  result.index = sample.index;
  result.question = sample.question;
  result.response = run.response;
  result.gold_position = sample.gold_position();
  result.correct = best_subspan_em(run.response, sample.answers);
  put_masses(run, options.mass_heads, result);
  if (options.before_split) {
    result.relevant_mass_after =
        mean_over_heads(run.scores.relevant, run.scores, options.mass_heads);
  }
  return result;
}

const EvaluatedSample* find_finished(const std::vector<EvaluatedSample>& finished,
                                     const QaSample& sample) {
  for (const EvaluatedSample& known : finished) {
    if (known.index == sample.index && known.question == sample.question) return &known;
  }
  return nullptr;
}

bool same_edit(const Intervention& a, const Intervention& b) {
  const auto sorted = [](std::vector<HeadId> heads) {
    std::sort(heads.begin(), heads.end());
    return heads;
  };
  return a.method.method == b.method.method && a.method.values == b.method.values &&
         a.method.marked == b.method.marked && a.method.directions == b.method.directions &&
         a.rows == b.rows && sorted(a.heads) == sorted(b.heads);
}

/// Settings that change the same on one prompt.
struct Group {
  std::vector<Intervention> interventions;
  int touched = 0;  ///< first layer; the number of layers when nothing is changed
  std::vector<std::size_t> settings;
  bool before_split = false;

  bool takes(const Group& other, int layers) const {
    if (touched == layers || other.touched == layers) return touched == other.touched;
    return std::equal(interventions.begin(), interventions.end(), other.interventions.begin(),
                      other.interventions.end(), same_edit);
  }
};

/// One sample under the settings that have no result of it yet.
struct SampleOutcome {
  std::vector<EvaluatedSample> results;  ///< of each; empty when the sample cannot be run
  SharedCost cost;
};

/// Evaluates samples one after another; of several workers each has its own store.
class Worker {
 public:
  Worker(Model& model, const PromptEncoder& encoder, std::span<const EvaluateOptions> settings,
         bool decode_together, const RunContext& context)
      : model_(model),
        encoder_(encoder),
        settings_(settings),
        decode_together_(decode_together),
        context_{context.is_cancelled, {}, {}} {}

  Result<SampleOutcome> run(const QaSample& sample, const std::vector<std::size_t>& wanted) {
    SampleOutcome out;
    if (wanted.empty()) return out;
    if (context_.cancelled()) return fail(ErrorKind::cancelled, "cancelled");
    const auto start = Clock::now();
    HEADSCOPE_ASSIGN(const auto prompt,
                     make_sample_prompt(sample, settings_.front().prompt, encoder_));
    if (prompt.tokens() > model_.config().context_length) return out;
    HEADSCOPE_ASSIGN(const auto groups, groups_of(prompt, wanted));
    const double before = seconds_since(start);
    out.cost.other_seconds = before;
    out.cost.separate_other_seconds = before * static_cast<double>(wanted.size());
    out.results.resize(wanted.size());
    HEADSCOPE_ASSIGN(const auto runs, run_groups(prompt, groups, out.cost));
    std::int64_t shared = 0;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      for (const std::size_t setting : groups[i].settings) {
        out.results[setting] = described(sample, runs[i], settings_[wanted[setting]]);
      }
      shared = std::max(shared, runs[i].prompt_work.all - runs[i].prompt_work.touched);
    }
    out.cost.bound += shared;
    return out;
  }

 private:
  // From the lowest first touched layer to the highest, so that each layer is run once unedited.
  Result<std::vector<Group>> groups_of(const SamplePrompt& prompt,
                                       const std::vector<std::size_t>& wanted) {
    const ModelConfig& config = model_.config();
    std::vector<Group> groups;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const EvaluateOptions& options = settings_[wanted[i]];
      Group group;
      if (options.interventions) {
        HEADSCOPE_ASSIGN(group.interventions, options.interventions(prompt));
      }
      HEADSCOPE_ASSIGN(
          const auto plan,
          compile_edits(group.interventions, {config.layers, config.heads, config.head_dim},
                        prompt.tokens()));
      group.touched = plan.first_touched_layer();
      auto found = std::find_if(groups.begin(), groups.end(), [&](const Group& other) {
        return other.takes(group, config.layers);
      });
      if (found == groups.end()) found = groups.insert(found, std::move(group));
      found->settings.push_back(i);
      found->before_split = found->before_split || options.before_split;
    }
    std::stable_sort(groups.begin(), groups.end(),
                     [](const Group& a, const Group& b) { return a.touched < b.touched; });
    std::vector<int> layers;
    for (const Group& group : groups) layers.push_back(group.touched);
    store_.expect(std::move(layers));
    return groups;
  }

  Result<std::vector<SampleRun>> run_groups(const SamplePrompt& prompt,
                                            const std::vector<Group>& groups, SharedCost& cost) {
    const auto start = Clock::now();
    std::vector<SampleRunOptions> how;
    for (const Group& group : groups) how.push_back(options_for(group, groups.size() > 1));
    std::vector<SampleRun> runs;
    if (decode_together_) {
      HEADSCOPE_ASSIGN(runs,
                       run_sample_together(model_, encoder_.tokenizer(), prompt, how, context_));
    } else {
      for (const SampleRunOptions& each : how) {
        HEADSCOPE_ASSIGN(auto run,
                         run_sample(model_, encoder_.tokenizer(), prompt, each, context_));
        runs.push_back(std::move(run));
      }
    }
    add_cost(groups, runs, seconds_since(start), cost);
    return runs;
  }

  SampleRunOptions options_for(const Group& group, bool share) {
    const EvaluateOptions& options = settings_.front();
    return {.max_new_tokens = options.max_new_tokens,
            .rows = options.rows,
            .interventions = [&group](const SamplePrompt&) -> Result<std::vector<Intervention>> {
              return group.interventions;
            },
            .before_split = group.before_split,
            .store = share ? &store_ : nullptr};
  }

  // Everything but the prompts took all groups alike.
  static void add_cost(const std::vector<Group>& groups, const std::vector<SampleRun>& runs,
                       double seconds, SharedCost& cost) {
    for (const SampleRun& run : runs) seconds -= run.prompt_work.seconds;
    const double other = seconds / static_cast<double>(runs.size());
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const PromptWork& work = runs[i].prompt_work;
      const auto uses = std::ssize(groups[i].settings);
      cost.add({.layer_rows = work.layer_rows,
                .separate = work.all * uses,
                .bound = work.touched,
                .prompt_seconds = work.seconds,
                .other_seconds = other,
                .separate_other_seconds = other * static_cast<double>(uses)});
    }
  }

  Model& model_;
  const PromptEncoder& encoder_;
  std::span<const EvaluateOptions> settings_;
  bool decode_together_ = false;
  RunContext context_;
  PromptStore store_;
};

/// Settings that have no result of `sample` yet.
std::vector<std::size_t> missing_of(const QaSample& sample,
                                    std::span<const EvaluateOptions> settings) {
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    if (find_finished(settings[i].finished, sample) == nullptr) missing.push_back(i);
  }
  return missing;
}

void merge(const QaSample& sample, SampleOutcome outcome, std::span<const EvaluateOptions> settings,
           EvaluatedTogether& into) {
  into.cost.add(outcome.cost);
  std::size_t next = 0;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    if (const auto* known = find_finished(settings[i].finished, sample)) {
      into.runs[i].samples.push_back(*known);
    } else if (outcome.results.empty()) {
      ++into.runs[i].skipped[skip_too_long];
    } else {
      into.runs[i].samples.push_back(std::move(outcome.results[next++]));
    }
  }
}

}  // namespace

void SharedCost::add(const SharedCost& more) {
  layer_rows += more.layer_rows;
  separate += more.separate;
  bound += more.bound;
  prompt_seconds += more.prompt_seconds;
  other_seconds += more.other_seconds;
  separate_other_seconds += more.separate_other_seconds;
}

Result<EvaluatedTogether> evaluate_together(
    Model& model, const PromptEncoder& encoder, std::span<const QaSample> samples,
    std::span<const EvaluateOptions> settings, const RunContext& context,
    const std::function<Result<>(const std::vector<EvaluateRun>&)>& on_sample,
    const TogetherOptions& how) {
  EvaluatedTogether out;
  out.runs.resize(settings.size());
  std::vector<Worker> hands;
  for (int i = 0; i < std::max(1, how.workers); ++i) {
    hands.emplace_back(model, encoder, settings, how.decode_together, context);
  }
  Result<> kept;
  const auto work = [&](std::size_t i, int worker) {
    return hands[static_cast<std::size_t>(worker)].run(samples[i],
                                                       missing_of(samples[i], settings));
  };
  const auto use = [&](std::size_t i, Result<SampleOutcome> outcome) {
    out.cancelled = !outcome && outcome.error().kind == ErrorKind::cancelled;
    if (!outcome && !out.cancelled) kept = tl::unexpected(outcome.error());
    if (!outcome) return false;
    merge(samples[i], std::move(*outcome), settings, out);
    context.progress("sample", static_cast<double>(i + 1), static_cast<double>(samples.size()));
    if (on_sample) kept = on_sample(out.runs);
    return kept.has_value();
  };
  const int threads = at::get_num_threads();  // a setting of the calling thread
  in_order(
      samples.size(), how.workers, [&] { at::set_num_threads(threads); }, work, use);
  HEADSCOPE_TRY(kept);
  for (EvaluateRun& run : out.runs) run.cancelled = out.cancelled;
  return out;
}

Result<EvaluateRun> evaluate_samples(Model& model, const PromptEncoder& encoder,
                                     std::span<const QaSample> samples,
                                     const EvaluateOptions& options, const RunContext& context,
                                     const std::function<Result<>(const EvaluateRun&)>& on_sample) {
  const auto each = [&](const std::vector<EvaluateRun>& runs) -> Result<> {
    return on_sample ? on_sample(runs.front()) : Result<>();
  };
  HEADSCOPE_ASSIGN(auto together, evaluate_together(model, encoder, samples, std::span(&options, 1),
                                                    context, each));
  return std::move(together.runs.front());
}

}  // namespace headscope
