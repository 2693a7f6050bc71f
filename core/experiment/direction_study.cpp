#include "core/experiment/direction_study.h"

#include <algorithm>
#include <system_error>

#include "core/base/hash.h"
#include "core/base/units.h"
#include "core/experiment/direction_work.h"
#include "core/model/memory.h"
#include "core/session/compare_directions.h"

namespace headscope {
namespace {

std::string hash_of(std::span<const QaSample> samples) {
  Sha256 hash;
  for (const QaSample& sample : samples) hash.update(sample_to_json_line(sample) + "\n");
  return hash.hex();
}

/// Everything that decides the bits of the result.
Json settings_of(const DirectionStudyOptions& options, std::span<const QaSample> train,
                 std::span<const QaSample> held_out) {
  const DirectionTrainingOptions& training = options.training;
  return {{"passport", options.settings},
          {"samples", hash_of(train)},
          {"held_out", hash_of(held_out)},
          {"max_new_tokens", options.data.max_new_tokens},
          {"rows", options.data.rows == RowConvention::predict ? "predict" : "input"},
          {"epochs", training.epochs},
          {"learning_rate", training.learning_rate},
          {"weight_decay", training.weight_decay},
          {"init_deviation", training.init_deviation},
          {"seed", training.seed}};
}

std::uint64_t memory_for(const DirectionStudyOptions& options) {
  if (options.memory_bytes > 0) return options.memory_bytes;
  refresh_memory_limit();
  return memory_left() / 2;
}

Result<DirectionTraining> train_seed(DirectionWork& work, const DirectionShape& shape,
                                     DirectionTrainingOptions how, const RunContext& context) {
  HEADSCOPE_ASSIGN(const auto kept, work.state(how.seed));
  DirectionTrainingProgress progress;
  progress.resume = kept ? &*kept : nullptr;
  progress.on_epoch = [&](const DirectionTrainingState& state) {
    return work.keep(how.seed, state);
  };
  return train_directions(work.train(), shape, how, context, progress);
}

Result<> train_other_seeds(DirectionWork& work, const DirectionShape& shape,
                           const DirectionStudyOptions& options, const RunContext& context,
                           DirectionStudy& study) {
  for (int i = 1; i < options.seeds; ++i) {
    DirectionTrainingOptions how = options.training;
    how.seed += static_cast<std::uint64_t>(i);
    HEADSCOPE_ASSIGN(const auto other, train_seed(work, shape, how, context));
    if (other.cancelled) {
      study.training.cancelled = true;
      return {};
    }
    HEADSCOPE_ASSIGN(auto cosines, direction_cosines(study.training.directions, other.directions));
    const double chosen = mean_cosine(cosines, shape.heads, study.heads);
    const double all = mean_cosine(cosines, shape.heads, {});
    study.agreement.push_back({how.seed, std::move(cosines), chosen, all});
  }
  return {};
}

tl::unexpected<Error> interrupted() {
  return fail(ErrorKind::cancelled, "interrupted before training began");
}

}  // namespace

Result<DirectionStudy> run_direction_study(Model& model, const PromptEncoder& encoder,
                                           std::span<const QaSample> train,
                                           std::span<const QaSample> held_out,
                                           const DirectionStudyOptions& options,
                                           const RunContext& context) {
  const DirectionShape shape = direction_shape(model.config());
  HEADSCOPE_ASSIGN(auto work,
                   DirectionWork::open(options.work, settings_of(options, train, held_out),
                                       options.restart, shape, memory_for(options)));
  const auto collect = [&](std::span<const QaSample> samples, DirectionStore& store) {
    return collect_direction_data(model, encoder, samples, options.data, store, context);
  };
  HEADSCOPE_ASSIGN(const bool collected, collect(train, work.train()));
  if (!collected) return interrupted();
  DirectionStudy study;
  study.resumed = work.resumed();
  study.samples = work.train().size();
  study.spilled = work.train().spilled();
  study.skipped = work.train().skipped();
  HEADSCOPE_ASSIGN(study.training, train_seed(work, shape, options.training, context));
  if (study.training.cancelled) return study;
  const RunContext quiet{context.is_cancelled, {}, {}};
  study.heads = options.heads;
  if (study.heads.empty()) {
    HEADSCOPE_ASSIGN(study.heads, contextual_heads(work.train(), shape, options.top_heads, quiet));
  }
  HEADSCOPE_TRY(train_other_seeds(work, shape, options, context, study));
  if (study.training.cancelled || held_out.empty()) return study;
  HEADSCOPE_ASSIGN(const bool all_held_out, collect(held_out, work.held_out()));
  if (!all_held_out) {
    study.training.cancelled = true;
    return study;
  }
  study.held_out_skipped = work.held_out().skipped();
  if (work.held_out().size() == 0) return study;
  DirectionCheckOptions check = options.check;
  check.heads = study.heads;
  check.seed = options.training.seed;
  HEADSCOPE_ASSIGN(study.check, check_directions(work.held_out(), shape, study.training.directions,
                                                 check, quiet));
  return study;
}

Result<> finish_direction_study(const DirectionStudyOptions& options) {
  std::error_code code;
  if (!options.work.empty()) std::filesystem::remove_all(options.work, code);
  if (code) return bad_input(options.work.string() + ": cannot be removed: " + code.message());
  return {};
}

Result<> check_room(const Model& model, const PromptEncoder& encoder,
                    std::span<const QaSample> train, std::span<const QaSample> held_out,
                    const DirectionStudyOptions& options) {
  double longest = 0, all = 0;
  for (const auto samples : {train, held_out}) {
    for (const QaSample& sample : samples) {
      HEADSCOPE_ASSIGN(const auto prompt, make_sample_prompt(sample, PromptKind::all, encoder));
      const std::int64_t rows = options.data.max_new_tokens;
      const double bytes = direction_sample_bytes(model.config(), prompt.tokens() + rows, rows);
      longest = std::max(longest, bytes);
      all += bytes;
    }
  }
  refresh_memory_limit();
  HEADSCOPE_TRY(require_memory("keys and queries of the longest sample", longest,
                               "use shorter samples or fewer --max-new-tokens"));
  if (options.work.empty()) return {};
  std::error_code code;
  const auto parent = std::filesystem::absolute(options.work, code).parent_path();
  const auto space = std::filesystem::space(parent, code);
  if (code || all <= static_cast<double>(space.available)) return {};
  return bad_input(parent.string() + ": keys and queries take about " + memory_text(all) +
                   " there, " + memory_text(static_cast<double>(space.available)) +
                   " are free; use fewer --samples, or an --out on another disk");
}

}  // namespace headscope
