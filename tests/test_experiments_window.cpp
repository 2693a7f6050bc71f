// links: headscope_app_testing
// labels: window
// Experiments that the window starts: commands, the job that runs them, curves of a growing table.
#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "app/shell/experiment_job.h"
#include "app/shell/experiment_plan.h"
#include "app/views/sweep_plot.h"
#include "tests/messages.h"
#include "tests/temporary_folder.h"

using namespace headscope;
namespace fs = std::filesystem;

namespace {

bool holds(const ExperimentStep& step, const std::string& argument) {
  return std::find(step.arguments.begin(), step.arguments.end(), argument) != step.arguments.end();
}

ExperimentPlan plan_of(const ExperimentForm& form, const ExperimentModel& model = {}) {
  const auto plan = plan_experiment(form, model, "root");
  REQUIRE(plan.has_value());
  return *plan;
}

// A program that stands in for headscope-cli.
fs::path script(const fs::path& folder, const std::string& body) {
  const fs::path path = folder / "program";
  std::ofstream(path) << "#!/bin/sh\n" << body;
  fs::permissions(path, fs::perms::owner_all);
  return path;
}

ExperimentJob::View wait_until(const ExperimentJob& job, bool (*good)(const ExperimentJob::View&)) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!good(job.view()) && std::chrono::steady_clock::now() < limit) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return job.view();
}

bool ended(const ExperimentJob::View& view) {
  return view.state != ExperimentJob::State::running;
}

SweepRow row(SweepMethod method, std::optional<double> tau, CellHeads heads, int k, double em,
             std::optional<std::uint64_t> seed = {}) {
  SweepRow row;
  row.cell.method = method;
  row.cell.tau = tau;
  row.cell.heads = heads;
  if (k > 0) row.cell.top_k = k;
  row.cell.seed = seed;
  row.summary = {{"n", 10}, {"em", em}, {"em_low", em - 0.1}, {"em_high", em + 0.1}};
  return row;
}

}  // namespace

TEST_CASE("an experiment is commands of headscope-cli, in a folder named after its settings") {
  ExperimentForm form;
  form.kind = ExperimentKind::focus;
  const ExperimentPlan plan = plan_of(form);
  REQUIRE(plan.steps.size() == 5);
  CHECK(plan.steps[0].arguments[0] == "demo-data");
  CHECK(holds(plan.steps[0], "300"));  // half makes heads and directions
  CHECK(plan.steps[1].arguments[0] == "score");
  CHECK(plan.steps[2].arguments[0] == "train-directions");
  CHECK(plan.steps[3].arguments[0] == "sweep");
  CHECK(holds(plan.steps[3], form.alphas));
  CHECK(holds(plan.steps[3], (plan.folder / "directions.safetensors").string()));
  CHECK(plan.steps[4].arguments[0] == "figures");
  CHECK(plan.results == plan.folder / "sweep" / "results.csv");

  CHECK(plan_of(form).folder == plan.folder);
  ExperimentForm other = form;
  other.alphas = "0.2";
  CHECK(plan_of(other).folder != plan.folder);
  other = form;
  other.taus = "0.9";  // focus does not read it
  CHECK(plan_of(other).folder == plan.folder);
}

TEST_CASE("own data takes the place of made samples; another model needs it") {
  ExperimentForm form;
  ExperimentModel model;
  model.model = "some model";
  model.dtype = "bfloat16";
  model.threads = 2;
  const auto refused = plan_experiment(form, model, "root");
  REQUIRE_FALSE(refused.has_value());
  CHECK(test::contains(refused.error().message, "Data"));
  form.data = "it's data.jsonl";
  const ExperimentPlan plan = plan_of(form, model);
  CHECK(plan.steps[0].arguments[0] == "score");
  CHECK(holds(plan.steps[0], "some model"));
  CHECK(holds(plan.steps[0], "bfloat16"));
  CHECK(test::contains(shell_line(plan.steps[0].arguments), "--data 'it'\\''s data.jsonl'"));
}

TEST_CASE("fields that are no lists of numbers are refused by name") {
  ExperimentForm form;
  for (const char* wrong : {"", "0.1,", "a", "0.1;0.2", "nan", "0.1 ,0.2"}) {
    form.taus = wrong;
    const auto plan = plan_experiment(form, {}, "root");
    REQUIRE_FALSE(plan.has_value());
    CHECK(test::contains(plan.error().message, "Tau"));
  }
}

TEST_CASE("progress lines of headscope-cli") {
  ProgressLine line;
  REQUIRE(parse_progress("split-softmax-tau0.1-k5 all 12/150, 40 s left", line));
  CHECK(line.progress.what == "split-softmax-tau0.1-k5 all");
  CHECK(line.progress.done == 12);
  CHECK(line.progress.total == 150);
  CHECK(line.remaining == "40 s left");
  REQUIRE(parse_progress("sample 3/9", line));
  CHECK(line.remaining.empty());
  for (const char* other : {"", "words", "a note, about something", "ratio 3/x", "7"}) {
    CHECK_FALSE(parse_progress(other, line));
  }
}

TEST_CASE("a job runs its steps in order, skips what is made, and tells how far it is") {
  const test::TemporaryFolder folder;
  const fs::path made = folder.path() / "made";
  std::ofstream(made) << "x";
  const fs::path log = folder.path() / "log";
  const fs::path program =
      script(folder.path(), "echo \"$@\" >> '" + log.string() + "'; echo 'sample 2/4' >&2\n");
  ExperimentPlan plan;
  plan.folder = folder.path() / "run";
  plan.steps = {{"first", {"first"}, {}}, {"made", {"made"}, made}, {"last", {"last", "one"}, {}}};
  std::atomic<int> changes{0};
  const ExperimentJob job(program, {}, plan, [&] { ++changes; });
  const auto view = wait_until(job, ended);
  CHECK(view.state == ExperimentJob::State::done);
  CHECK(view.progress.progress.done == 2);
  CHECK(changes > 3);
  std::ifstream lines(log);
  std::string text((std::istreambuf_iterator<char>(lines)), {});
  CHECK(text == "first\nlast one\n");
}

TEST_CASE("a job that fails says why, and one that is stopped ends its command") {
  const test::TemporaryFolder folder;
  ExperimentPlan plan;
  plan.folder = folder.path() / "run";
  plan.steps = {{"score", {"score"}, {}}, {"sweep", {"sweep"}, {}}};
  SUBCASE("failed") {
    const fs::path program = script(folder.path(), "echo 'heads.json: no ranking' >&2; exit 3\n");
    const ExperimentJob job(program, {}, plan, {});
    const auto view = wait_until(job, ended);
    CHECK(view.state == ExperimentJob::State::failed);
    CHECK(view.step == 0);
    CHECK(view.message == "score: heads.json: no ranking");
  }
  SUBCASE("stopped") {
    const fs::path program =
        script(folder.path(),
               "trap 'exit 130' TERM; echo 'sample 1/9' >&2; sleep 60 >/dev/null 2>&1 & wait\n");
    ExperimentJob job(program, {}, plan, {});
    wait_until(job,
               [](const ExperimentJob::View& view) { return view.progress.progress.done == 1; });
    job.stop();
    CHECK(wait_until(job, ended).state == ExperimentJob::State::stopped);
  }
  SUBCASE("no such program") {
    const ExperimentJob job(folder.path() / "missing", {}, plan, {});
    const auto view = wait_until(job, ended);
    CHECK(view.state == ExperimentJob::State::failed);
    CHECK(test::contains(view.message, "missing"));
  }
}

TEST_CASE("curves of a sweep: one for each strength, draws of a control averaged") {
  const auto split = SweepMethod::split_softmax;
  const std::vector<SweepRow> rows = {row(SweepMethod::none, {}, CellHeads::none, 0, 0.6),
                                      row(split, 0.1, CellHeads::contextual, 1, 0.7),
                                      row(split, 0.1, CellHeads::contextual, 5, 0.9),
                                      row(split, 0.1, CellHeads::random, 5, 0.5, 0),
                                      row(split, 0.1, CellHeads::random, 5, 0.7, 1),
                                      row(split, 0.4, CellHeads::contextual, 1, 0.65)};
  const SweepCurves curves = curves_of(rows);
  REQUIRE(curves.levels.size() == 1);
  CHECK(curves.levels[0].em == doctest::Approx(0.6));
  REQUIRE(curves.curves.size() == 3);
  CHECK(curves.curves[0].name == "tau 0.1");
  CHECK(curves.curves[0].x == std::vector<double>{1, 5});
  CHECK(curves.curves[0].high[1] == doctest::Approx(1.0));
  CHECK(curves.curves[1].name == "tau 0.4");
  CHECK(curves.curves[2].control);
  CHECK(curves.curves[2].em[0] == doctest::Approx(0.6));
  CHECK(curves.curves[2].low[0] == doctest::Approx(0.5));
  CHECK(curves.curves[2].high[0] == doctest::Approx(0.7));
  // A click on a point: the sliders stand where the cell did.
  InterventionSettings now;
  now.alpha = 0.5;
  now.also = "pasta";
  now.top_k = 3;
  const InterventionSettings cell = settings_of(curves.curves[1].cells[0], now);
  CHECK(cell.tau == doctest::Approx(0.4));
  CHECK(cell.alpha == 0);
  CHECK(cell.also.empty());
  CHECK(cell.top_k == static_cast<int>(curves.curves[1].x[0]));
  CHECK(cell.choice == HeadChoice::contextual);
  const SweepCell& drawn = curves.curves[2].cells[0];
  const InterventionSettings control = settings_of(drawn, now);
  CHECK(control.choice == HeadChoice::random);
  CHECK(control.random_seed == drawn.seed.value_or(99));
}

TEST_CASE("a sweep around the sliders has what they stand at among its values") {
  ExperimentForm form;
  InterventionSettings sliders;
  sliders.tau = 0.15;
  sliders.top_k = 7;
  const ExperimentForm split = sweep_around(sliders, form);
  CHECK(split.kind == ExperimentKind::split);
  CHECK(split.taus == "0.1,0.15,0.2,0.4");
  CHECK(split.top_ks == "1,5,7,10,20");
  CHECK(sweep_around(sliders, split) == split);
  sliders.tau = 1;
  sliders.alpha = -0.25;
  const ExperimentForm focus = sweep_around(sliders, form);
  CHECK(focus.kind == ExperimentKind::focus);
  CHECK(focus.alphas == "-0.25,0.1,0.3,0.5,1");
  CHECK(focus.taus == form.taus);
}
