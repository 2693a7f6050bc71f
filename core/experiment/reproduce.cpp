#include "core/experiment/reproduce.h"

#include <chrono>
#include <cmath>
#include <memory>

#include "core/analysis/head_choice.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/experiment/causal_file.h"
#include "core/experiment/control.h"
#include "core/experiment/direction_study.h"
#include "core/experiment/score_lines.h"
#include "core/experiment/sweep.h"
#include "core/session/directions_file.h"
#include "core/sweep/control_file.h"

namespace headscope {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kKeepInterval = std::chrono::seconds(30);

std::string samples_hash(const std::vector<QaSample>& samples) {
  std::string text;
  for (const QaSample& sample : samples) text += sample_to_json_line(sample) + "\n";
  return sha256_hex(text);
}

bool is_there(const std::filesystem::path& file) {
  std::error_code ignored;
  return std::filesystem::exists(file, ignored);
}

tl::unexpected<Error> of_another_study(const std::filesystem::path& file) {
  return bad_input(file.string() + ": was not made by this study; delete it to make it again");
}

class Reproduction {
 public:
  Reproduction(const ReproduceInputs& inputs, const study::Folder& folder,
               const std::function<void(const std::string&)>& note, const RunContext& context)
      : inputs_(inputs),
        settings_(inputs.study.settings),
        folder_(folder),
        note_(note),
        context_(context),
        fingerprint_(study::fingerprint(inputs.study)) {}

  Result<study::JudgedClaims> run() {
    HEADSCOPE_TRY(folder_.adopt(inputs_.study));
    HEADSCOPE_TRY(step("contextual scores", folder_.heads(), [&] { return score(); }));
    HEADSCOPE_ASSIGN(const auto heads, read_head_set(folder_.heads()));
    if (heads.passport.options.value("study", "") != fingerprint_) {
      return of_another_study(folder_.heads());
    }
    HEADSCOPE_TRY(step("focus directions", folder_.direction_check(), [&] {
      return train_study_directions(inputs_, folder_, heads.ranking, context_);
    }));
    HEADSCOPE_TRY(check_fingerprint(folder_.direction_check()));
    HEADSCOPE_TRY(remove_unfinished());
    HEADSCOPE_TRY(step("key half", folder_.key_check(),
                       [&] { return check_key_half(inputs_, folder_, context_); }));
    HEADSCOPE_TRY(check_fingerprint(folder_.key_check()));
    HEADSCOPE_ASSIGN(auto directions, read_directions(folder_.directions()));
    const auto shared = std::make_shared<const Directions>(std::move(directions.directions));
    HEADSCOPE_TRY(sweeps(heads.ranking, shared));
    HEADSCOPE_TRY(control(heads.ranking, shared));
    HEADSCOPE_TRY(causal(heads.ranking));
    HEADSCOPE_TRY(suites(heads.ranking, shared));
    return report();
  }

 private:
  // Runs `work` unless its file is there, and keeps the time that it took.
  Result<> step(const std::string& name, const std::filesystem::path& file,
                const std::function<Result<>()>& work) {
    if (is_there(file)) return {};
    note_(name);
    const auto start = Clock::now();
    HEADSCOPE_TRY(work());
    return add_time(name, start);
  }

  Result<> add_time(const std::string& name, Clock::time_point start) const {
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const auto before = read_json_file(folder_.timing());
    Json steps = before && before->is_object() ? *before : Json::object();
    const Json known = steps.value(name, Json(0.0));
    steps[name] = seconds + (known.is_number() ? known.get<double>() : 0.0);
    return write_file_atomically(folder_.timing(), dump_json(steps, 1) + "\n");
  }

  Result<> check_fingerprint(const std::filesystem::path& file) const {
    HEADSCOPE_ASSIGN(const auto json, read_json_file(file));
    const bool ours = json.is_object() && json.value("study", Json()) == Json(fingerprint_);
    if (!ours) return of_another_study(file);
    return {};
  }

  // Of a result that is written while it grows.
  Result<bool> finished(const std::filesystem::path& file) const {
    if (!is_there(file)) return false;
    HEADSCOPE_TRY(check_fingerprint(file));
    HEADSCOPE_ASSIGN(const auto json, read_json_file(file));
    return json.value("complete", Json()) == Json(true);
  }

  Result<> score() {
    HEADSCOPE_ASSIGN(auto lines, ScoreLines::open(folder_.score_work(), {{"study", fingerprint_}}));
    const ScoreOptions how{
        .max_new_tokens = settings_.max_new_tokens,
        .rows = settings_.rows,
        .finished = lines.finished(),
        .on_sample = [&lines](const ScoredSample& sample) { return lines.add(sample); }};
    HEADSCOPE_ASSIGN(const auto run, score_samples(inputs_.model, inputs_.encoder,
                                                   inputs_.data.train, how, context_));
    if (run.cancelled) return fail(ErrorKind::cancelled, "interrupted while scoring");
    const ScoreSummary summary =
        run.scores.summary({.top_k = settings_.top_k, .seed = settings_.seed});
    if (summary.samples == 0) {
      std::string reasons;
      for (const auto& [reason, count] : summary.skipped) reasons += ", " + reason;
      return bad_input(inputs_.data.source.name + ": no sample could be scored" + reasons);
    }
    Passport passport = inputs_.study.passport;
    passport.n = summary.samples;
    passport.options["part"] = part_name(DataPart::train);
    passport.options["study"] = fingerprint_;
    record_questions(passport, run.questions);
    return write_head_set(folder_.heads(), head_set_from(summary, std::move(passport)));
  }

  Result<> sweeps(const std::vector<HeadId>& ranking,
                  const std::shared_ptr<const Directions>& directions) {
    const auto [layers, heads] = std::pair(inputs_.study.model.layers, inputs_.study.model.heads);
    HEADSCOPE_ASSIGN(const auto main, study::main_grid(settings_, ranking, layers, heads));
    HEADSCOPE_TRY(sweep("grids of split-softmax and focus directions", folder_.sweep(), main.cells,
                        ranking, directions));
    if (settings_.gold_positions.empty()) return {};
    HEADSCOPE_ASSIGN(const auto grid, study::position_grid(settings_, ranking, layers, heads));
    return sweep("gold positions", folder_.positions(), grid.cells, ranking, directions);
  }

  Result<> sweep(const std::string& name, const std::filesystem::path& path,
                 const std::vector<SweepCell>& cells, const std::vector<HeadId>& ranking,
                 std::shared_ptr<const Directions> directions) {
    HEADSCOPE_ASSIGN(const auto settings, passport_with_files());
    HEADSCOPE_ASSIGN(const auto folder, SweepFolder::open(path, settings));
    note_(name);
    const auto start = Clock::now();
    const SweepOptions how{.ranking = ranking,
                           .directions = std::move(directions),
                           .baseline_top_k = settings_.top_k,
                           .max_new_tokens = settings_.max_new_tokens,
                           .rows = settings_.rows,
                           .process = {}};
    HEADSCOPE_ASSIGN(
        const auto outcome,
        run_sweep(inputs_.model, inputs_.encoder, inputs_.data.test, cells, how, folder, context_));
    if (outcome.done > 0) HEADSCOPE_TRY(add_time(name, start));
    if (outcome.cancelled) return fail(ErrorKind::cancelled, "interrupted");
    if (outcome.elsewhere == 0) return {};
    return bad_input(path.string() + ": another process works on this sweep; wait for it");
  }

  // Of a result that heads and directions of this study went into.
  Result<Passport> passport_with_files() const {
    Passport passport = inputs_.study.passport;
    Json& options = passport.options;
    options["study"] = fingerprint_;
    options["baseline_top_k"] = settings_.top_k;
    options["heads"] = folder_.heads().filename().string();
    options["directions"] = folder_.directions().filename().string();
    HEADSCOPE_ASSIGN(options["heads_sha256"], sha256_file(folder_.heads()));
    HEADSCOPE_ASSIGN(options["directions_sha256"], sha256_file(folder_.directions()));
    options["samples_sha256"] = samples_hash(inputs_.data.test);
    return passport;
  }

  // Nothing is written where no random heads are left to compare with: the report says so.
  Result<> control(const std::vector<HeadId>& ranking,
                   const std::shared_ptr<const Directions>& directions) {
    ControlOptions how{.ranking = ranking,
                       .directions = directions,
                       .taus = {settings_.tau},
                       .alphas = {settings_.alpha},
                       .top_k = settings_.top_k,
                       .random_heads = settings_.random_heads,
                       .seed = settings_.seed,
                       .max_new_tokens = settings_.max_new_tokens,
                       .rows = settings_.rows};
    const auto plan = plan_control(how, inputs_.study.model.layers, inputs_.study.model.heads);
    if (!plan) return {};
    HEADSCOPE_ASSIGN(auto passport, passport_with_files());
    const ControlFile file(folder_.control(), std::move(passport));
    if (file.complete_before(*plan, inputs_.data.test.size())) return {};
    note_("control: heads that nobody touched");
    const auto start = Clock::now();
    how.finished = file.finished_before(*plan);
    const auto keep = [&file, last = start](const ControlRun& run) mutable -> Result<> {
      if (Clock::now() - last < kKeepInterval) return {};
      last = Clock::now();
      return file.save(run, false);
    };
    HEADSCOPE_ASSIGN(const auto run, run_control(inputs_.model, inputs_.encoder, inputs_.data.test,
                                                 how, context_, keep));
    HEADSCOPE_TRY(file.save(run, !run.cancelled));
    if (run.cancelled) return fail(ErrorKind::cancelled, "interrupted");
    return add_time("control", start);
  }

  Result<> causal(const std::vector<HeadId>& ranking) {
    HEADSCOPE_ASSIGN(const bool done, finished(folder_.causal()));
    if (done) return {};
    note_("causal check");
    const auto start = Clock::now();
    const study::ModelFacts& model = inputs_.study.model;
    const CausalOptions how{
        .heads = first_heads(ranking, settings_.top_k, model.layers, model.heads),
        .max_new_tokens = settings_.max_new_tokens,
        .rows = settings_.rows};
    HEADSCOPE_ASSIGN(auto passport, passport_with_files());
    const CausalFile file(folder_.causal(), {{"headscope", "causal"}, {"study", fingerprint_}},
                          std::move(passport));
    const CausalSamplesOptions run_how{.finished = file.finished_before(),
                                       .on_sample = file.keeper()};
    HEADSCOPE_ASSIGN(const auto run, check_samples(inputs_.model, inputs_.encoder,
                                                   inputs_.data.test, how, run_how, context_));
    HEADSCOPE_TRY(file.save(run, !run.cancelled));
    if (run.cancelled) return fail(ErrorKind::cancelled, "interrupted");
    return add_time("causal check", start);
  }

  // Not within the steps: a run that was killed between a result and this goes on here.
  Result<> remove_unfinished() const {
    DirectionStudyOptions how;
    how.work = folder_.direction_work();
    HEADSCOPE_TRY(finish_direction_study(how));
    std::error_code code;
    std::filesystem::remove(folder_.score_work(), code);
    if (code) return bad_input(folder_.score_work().string() + ": " + code.message());
    return {};
  }

  Result<> suites(const std::vector<HeadId>& ranking,
                  std::shared_ptr<const Directions> directions) {
    if (settings_.suite_lengths.empty()) return {};
    HEADSCOPE_ASSIGN(const bool done, finished(folder_.suite()));
    if (done) return {};
    note_("long contexts");
    const auto start = Clock::now();
    HEADSCOPE_ASSIGN(auto passport, passport_with_files());
    HEADSCOPE_TRY(run_study_suites(inputs_, folder_, ranking, std::move(directions),
                                   std::move(passport), context_));
    return add_time("long contexts", start);
  }

  Result<study::JudgedClaims> report() {
    note_("report");
    HEADSCOPE_ASSIGN(const auto results, study::read_results(inputs_.study, folder_));
    auto judged = study::judge_study(results);
    HEADSCOPE_TRY(
        write_file_atomically(folder_.verdicts(), dump_json(study::to_json(judged), 1) + "\n"));
    HEADSCOPE_ASSIGN(const auto drawings, study::draw_study(results));
    HEADSCOPE_TRY(create_folders(folder_.figures()));
    for (const study::Drawing& drawing : drawings) {
      HEADSCOPE_TRY(
          write_file_atomically(folder_.figures() / (drawing.name + ".svg"), drawing.light));
    }
    HEADSCOPE_ASSIGN(const auto html, study::report_html(results, judged, drawings));
    HEADSCOPE_TRY(write_file_atomically(folder_.report(), html));
    return judged;
  }

  const ReproduceInputs& inputs_;
  const study::Settings& settings_;
  const study::Folder& folder_;
  const std::function<void(const std::string&)>& note_;
  const RunContext& context_;
  std::string fingerprint_;
};

}  // namespace

Result<study::JudgedClaims> reproduce(const ReproduceInputs& inputs, const study::Folder& folder,
                                      const std::function<void(const std::string&)>& note,
                                      const RunContext& context) {
  return Reproduction(inputs, folder, note, context).run();
}

study::ModelFacts model_facts(const Model& model, bool embedded) {
  const ModelConfig& config = model.config();
  return {.type = config.model_type,
          .layers = config.layers,
          .heads = config.heads,
          .kv_heads = config.kv_heads,
          .head_dim = config.head_dim,
          .context_length = config.context_length,
          .parameters = model.parameters(),
          .softcap = config.attention_softcap,
          .embedded = embedded};
}

}  // namespace headscope
