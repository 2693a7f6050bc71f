// The step of a study that runs long-context suites without and with focus directions (claim C24).
#include <algorithm>
#include <chrono>
#include <optional>

#include "core/analysis/head_choice.h"
#include "core/base/file.h"
#include "core/experiment/reproduce.h"
#include "core/experiment/suite_run.h"
#include "core/study/suites.h"
#include "core/sweep/sweep_grid.h"

namespace headscope {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kKeepInterval = std::chrono::seconds(30);

// Errors that are about one task on this model; any other ends the step.
bool concerns_the_task(ErrorKind kind) {
  return kind == ErrorKind::bad_input || kind == ErrorKind::usage ||
         kind == ErrorKind::out_of_memory;
}

class SuiteStep {
 public:
  SuiteStep(const ReproduceInputs& inputs, const study::Folder& folder, Passport passport,
            const RunContext& context)
      : inputs_(inputs),
        settings_(inputs.study.settings),
        folder_(folder),
        passport_(std::move(passport)),
        context_(context) {
    check_.study = study::fingerprint(inputs.study);
  }

  Result<> run(std::vector<HeadId> heads, std::shared_ptr<const Directions> directions) {
    HEADSCOPE_ASSIGN(const auto set, focus_on(heads, std::move(directions)));
    how_.methods.push_back({"focus alpha " + shortest_number(settings_.alpha), &set});
    how_.rows = settings_.rows;
    how_.mass_heads = std::move(heads);
    HEADSCOPE_ASSIGN(how_.finished, answers_before());
    const bool embedded = inputs_.study.model.embedded;
    HEADSCOPE_ASSIGN(const auto tasks, tasks_of_suite("all", embedded));
    const auto lengths = study::suite_lengths_for(settings_, inputs_.study.model.context_length);
    for (const SuiteTask* task : tasks) {
      for (const std::int64_t length : lengths) HEADSCOPE_TRY(run_cell(*task, length));
    }
    check_.complete = true;
    return keep();
  }

 private:
  Result<InterventionSet> focus_on(const std::vector<HeadId>& heads,
                                   std::shared_ptr<const Directions> directions) const {
    InterventionDescription focus;
    focus.method = &focus_method;
    focus.values = {settings_.alpha, 0};
    focus.heads = heads;
    InterventionDefaults defaults;
    defaults.directions = std::move(directions);
    return InterventionSet::create({std::move(focus)}, inputs_.model.config(), defaults);
  }

  // One task at one length. What it cannot do on this model is written down and left out.
  Result<> run_cell(const SuiteTask& task, std::int64_t length) {
    const std::size_t begin = answers_.size();
    write_error_.reset();
    const auto done = answer_cell(task, length);
    if (write_error_) return tl::unexpected<Error>(*write_error_);
    if (!done && concerns_the_task(done.error().kind)) {
      answers_.resize(begin);
      check_.left_out.push_back({task.name, length, done.error().message});
      return {};
    }
    HEADSCOPE_TRY(keep());  // when interrupted too
    return done;
  }

  Result<> answer_cell(const SuiteTask& task, std::int64_t length) {
    SuiteOrder order;
    order.length = length;
    order.samples = settings_.suite_samples;
    order.seed = settings_.seed;
    HEADSCOPE_ASSIGN(const auto samples, generate_suite(task, order, inputs_.encoder, context_));
    return run_suite(inputs_.model, inputs_.encoder, samples, how_, context_,
                     [this](SuiteLine line) { return take(std::move(line)); });
  }

  Result<> take(SuiteLine line) {
    answers_.push_back(std::move(line));
    if (Clock::now() - kept_ < kKeepInterval) return {};
    const auto kept = keep();
    if (!kept) write_error_ = kept.error();
    return kept;
  }

  // The answers first: suite.json never speaks of some that are not there.
  Result<> keep() {
    kept_ = Clock::now();
    HEADSCOPE_TRY(write_file_atomically(folder_.suite_answers(), suite_lines_text(answers_)));
    check_.rows = suite_table(answers_, inputs_.study.passport.model);
    Json result = study::to_json(check_);
    result["headscope"] = "study_suites";
    result["passport"] = to_json(passport_);
    return write_file_atomically(folder_.suite(), dump_json(result, 1) + "\n");
  }

  // Of an interrupted run with the same heads and directions.
  Result<std::vector<SuiteLine>> answers_before() const {
    std::error_code ignored;
    if (!std::filesystem::exists(folder_.suite(), ignored)) return std::vector<SuiteLine>{};
    HEADSCOPE_ASSIGN(const auto before, read_json_file(folder_.suite()));
    if (!before.is_object() || before.value("passport", Json()) != to_json(passport_)) {
      return std::vector<SuiteLine>{};
    }
    HEADSCOPE_ASSIGN(const auto text, read_text_file(folder_.suite_answers()));
    return parse_suite_lines(text, folder_.suite_answers().string());
  }

  const ReproduceInputs& inputs_;
  const study::Settings& settings_;
  const study::Folder& folder_;
  Passport passport_;
  const RunContext& context_;
  SuiteRunOptions how_;
  study::SuiteCheck check_;
  std::vector<SuiteLine> answers_;
  Clock::time_point kept_ = Clock::now();
  std::optional<Error> write_error_;
};

}  // namespace

Result<> run_study_suites(const ReproduceInputs& inputs, const study::Folder& folder,
                          const std::vector<HeadId>& ranking,
                          std::shared_ptr<const Directions> directions, Passport passport,
                          const RunContext& context) {
  // Heads and directions come from the study's data, the questions do not.
  passport.data = "suite all";
  passport.data_sha256.clear();
  passport.n = inputs.study.settings.suite_samples;
  const study::ModelFacts& model = inputs.study.model;
  const int top_k = inputs.study.settings.top_k;
  return SuiteStep(inputs, folder, std::move(passport), context)
      .run(first_heads(ranking, top_k, model.layers, model.heads), std::move(directions));
}

}  // namespace headscope
