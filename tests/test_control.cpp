// The control experiment: arms, numbers against plain sums over captured weights of the public
// Model API, and the files that an interrupted run leaves.
// links: headscope_experiment headscope_demo_world
// timeout: 300
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>

#include "core/analysis/statistics.h"
#include "core/base/file.h"
#include "core/experiment/control.h"
#include "core/sweep/control_file.h"
#include "tests/random_demo_model.h"

using namespace headscope;

namespace {

constexpr int kTokens = 6;

struct Fixture : test::RandomDemoModel {
  std::optional<PromptEncoder> encoder;
  std::vector<QaSample> samples = test::demo_test_samples(50, 3);
  ControlOptions options;

  Fixture() {
    encoder.emplace(*tokenizer);
    // Contextual heads in the lower layers, so that others can move.
    const ModelConfig& config = model->config();
    for (int i = 0; i < config.layers * config.heads; ++i)
      options.ranking.push_back({(i + 1) % config.layers, i / config.layers});
    options.taus = {0.1};
    options.top_k = 3;
    options.random_heads = 2;
    options.max_new_tokens = kTokens;
  }

  ControlRun run() const {
    auto outcome = run_control(*model, *encoder, samples, options, {});
    REQUIRE(outcome);
    return *outcome;
  }
};

// Mean over the rows P..P+n-1 of the weight on `gold` of every head, from the reference backend.
std::vector<double> plain_masses(Model& model, const std::vector<std::int32_t>& prompt,
                                 const std::vector<std::int32_t>& response, const TokenSet& gold,
                                 const std::vector<Intervention>& interventions) {
  ForwardRequest request;
  request.ids = prompt;
  request.ids.insert(request.ids.end(), response.begin(), response.end());
  request.prompt_tokens = static_cast<std::int64_t>(prompt.size());
  request.interventions = interventions;
  request.backend = AttentionBackend::reference;
  Capture capture;
  const auto rows = static_cast<std::int64_t>(response.size());
  capture.rows = {request.prompt_tokens, request.prompt_tokens + rows};
  request.capture = std::move(capture);
  const auto result = model.forward(request, {});
  REQUIRE(result);
  const auto keys = result->attention.keys;
  std::vector<double> masses;
  for (int head = 0; head < model.config().layers * model.config().heads; ++head) {
    double sum = 0;
    for (std::int64_t row = 0; row < rows; ++row) {
      for (const auto token : gold) {
        sum +=
            result->attention.weights[static_cast<std::size_t>((head * rows + row) * keys + token)];
      }
    }
    masses.push_back(sum / static_cast<double>(rows));
  }
  return masses;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

ControlArm arm_of(CellHeads choice, std::vector<HeadId> heads, std::uint64_t seed = 0) {
  ControlArm arm;
  arm.cell.method = SweepMethod::split_softmax;
  arm.cell.tau = 0.1;
  arm.cell.top_k = static_cast<int>(heads.size());
  arm.cell.heads = choice;
  if (choice == CellHeads::random) arm.cell.seed = seed;
  arm.heads = std::move(heads);
  return arm;
}

// Two layers of three heads; head (0,0) is contextual, (1,2) and (0,1) are the random draws.
ControlRun small_run() {
  ControlRun run;
  run.layers = 2;
  run.heads = 3;
  run.arms = {arm_of(CellHeads::contextual, {{0, 0}}), arm_of(CellHeads::random, {{1, 2}}, 0),
              arm_of(CellHeads::random, {{0, 1}}, 1)};
  const std::vector<float> zero(6, 0.0F);
  run.samples.push_back(
      {0, "a", zero, {{.9F, 0, 0, .2F, -.1F, .3F}, {0, 0, 0, 0, 0, .8F}, {0, .7F, 0, .1F, 0, 0}}});
  run.samples.push_back(
      {1, "b", zero, {{.9F, 0, 0, .4F, -.3F, .1F}, {0, 0, 0, 0, 0, .8F}, {0, .7F, 0, 0, .3F, 0}}});
  return run;
}

}  // namespace

TEST_CASE("arms: the contextual heads of every setting, and the same draws outside them for all") {
  Fixture f;
  f.options.taus = {0.1, 0.5};
  f.options.random_heads = 5;
  const ModelConfig& config = f.model->config();
  const auto plan = plan_control(f.options, config.layers, config.heads);
  REQUIRE(plan);
  REQUIRE(plan->arms.size() == 2 * 6);
  std::map<std::uint64_t, std::set<std::vector<HeadId>>> draws;
  for (const ControlArm& arm : plan->arms) {
    CHECK(arm.heads.size() == 3);
    if (arm.cell.heads == CellHeads::contextual) {
      CHECK(std::equal(arm.heads.begin(), arm.heads.end(), f.options.ranking.begin()));
      continue;
    }
    draws[*arm.cell.seed].insert(arm.heads);
    for (const HeadId head : arm.heads) {
      const auto end = f.options.ranking.begin() + 3;
      CHECK(std::find(f.options.ranking.begin(), end, head) == end);
    }
  }
  CHECK(draws.size() == 5);
  for (const auto& [seed, heads] : draws) CHECK(heads.size() == 1);  // the same for every tau
}

TEST_CASE("what the control cannot mean is refused") {
  Fixture f;
  const auto refusal = [&](const ControlOptions& options) {
    const auto plan = plan_control(options, f.model->config().layers, f.model->config().heads);
    REQUIRE_FALSE(plan);
    CHECK(plan.error().kind == ErrorKind::usage);
    return plan.error().message;
  };
  ControlOptions options = f.options;
  options.taus.clear();
  CHECK(refusal(options).find("--tau") != std::string::npos);
  options.alphas = {0.3};
  CHECK(refusal(options).find("--directions") != std::string::npos);
  options = f.options;
  options.random_heads = 0;
  CHECK(refusal(options).find("--random-heads") != std::string::npos);
  options = f.options;
  options.top_k = 30;
  CHECK(refusal(options).find("--top-k 30") != std::string::npos);
}

TEST_CASE("masses of every arm are plain sums over the weights of a forward pass") {
  Fixture f;
  const ControlRun run = f.run();
  REQUIRE(run.samples.size() == 3);
  REQUIRE(run.arms.size() == 3);
  for (std::size_t s = 0; s < run.samples.size(); ++s) {
    const auto prompt = make_sample_prompt(f.samples[s], PromptKind::all, *f.encoder);
    REQUIRE(prompt);
    GenerateRequest greedy;
    greedy.prompt_ids = prompt->encoding.ids;
    greedy.max_new_tokens = kTokens;
    const auto response = f.model->generate(greedy, {});
    REQUIRE(response);
    const auto masses = [&](const std::vector<Intervention>& interventions) {
      return plain_masses(*f.model, greedy.prompt_ids, response->ids, prompt->gold, interventions);
    };
    const auto baseline = masses({});
    for (std::size_t i = 0; i < baseline.size(); ++i)
      CHECK(run.samples[s].baseline[i] == doctest::Approx(baseline[i]).epsilon(1e-4));
    for (std::size_t a = 0; a < run.arms.size(); ++a) {
      const auto edited = masses({{SplitSoftmax{0.1, prompt->gold}, run.arms[a].heads, {}}});
      double moved = 0;
      for (std::size_t i = 0; i < edited.size(); ++i) {
        CHECK(run.samples[s].arms[a][i] == doctest::Approx(edited[i]).epsilon(1e-4));
        moved = std::max(moved, std::abs(edited[i] - baseline[i]));
      }
      CHECK(moved > 1e-3);  // else nothing was compared
    }
  }
}

TEST_CASE("with the same tokens only heads above the first touched layer move") {
  Fixture f;
  const ControlRun run = f.run();
  double above = 0;
  for (const ControlSample& sample : run.samples) {
    for (std::size_t a = 0; a < run.arms.size(); ++a) {
      int first = 99;
      for (const HeadId head : run.arms[a].heads) first = std::min(first, head.layer);
      for (int i = 0; i < run.layers * run.heads; ++i) {
        const HeadId head{i / run.heads, i % run.heads};
        const auto& touched = run.arms[a].heads;
        if (std::find(touched.begin(), touched.end(), head) != touched.end()) continue;
        const auto at = static_cast<std::size_t>(i);
        const double change = std::abs(sample.arms[a][at] - sample.baseline[at]);
        if (head.layer <= first) CHECK(change == 0);
        if (head.layer > first) above = std::max(above, change);
      }
    }
  }
  CHECK(above > 0);
}

TEST_CASE("numbers: the same heads in both arms, means over heads, draws and samples") {
  const ControlResult result = control_result(small_run(), {});
  REQUIRE(result.settings.size() == 1);
  const ControlSetting& setting = result.settings[0];
  CHECK(setting.random.size() == 2);
  const ControlComparison& all = setting.untouched;
  // Against the first draw (0,1) (0,2) (1,0) (1,1) are left, against the second (0,2) (1,0) (1,1)
  // (1,2).
  CHECK(all.draws == 2);
  CHECK(all.heads == 4);
  const double contextual_a = ((.2 - .1) / 4 + (.2 - .1 + .3) / 4) / 2;
  const double contextual_b = ((.4 - .3) / 4 + (.4 - .3 + .1) / 4) / 2;
  CHECK(all.contextual.change.value == doctest::Approx((contextual_a + contextual_b) / 2));
  const double size_a = (.3 / 4 + .6 / 4) / 2, size_b = (.7 / 4 + .8 / 4) / 2;
  CHECK(all.contextual.magnitude.value == doctest::Approx((size_a + size_b) / 2));
  const double random_a = (0 + .1 / 4) / 2, random_b = (0 + .3 / 4) / 2;
  CHECK(all.random.magnitude.value == doctest::Approx((random_a + random_b) / 2));
  CHECK(all.difference.magnitude.value ==
        doctest::Approx((size_a + size_b - random_a - random_b) / 2));
  CHECK(all.ratio.value == doctest::Approx((size_a + size_b) / (random_a + random_b)));
  // Two samples: the bootstrap's extremes are the samples themselves.
  CHECK(all.contextual.magnitude.low == doctest::Approx(size_a));
  CHECK(all.contextual.magnitude.high == doctest::Approx(size_b));
  // Nothing lies above the first draw's layer 1; above the second's and the contextual layer 0 do
  // the three heads of layer 1.
  CHECK(setting.above.draws == 1);
  CHECK(setting.above.heads == 3);
  CHECK(setting.above.contextual.magnitude.value == doctest::Approx((.6 / 3 + .8 / 3) / 2));
  REQUIRE(setting.by_layer.size() == 2);
  CHECK(setting.by_layer[0].contextual.magnitude.value == 0);
  CHECK(setting.by_layer[0].heads == 1.5);
  CHECK(setting.by_layer[1].heads == 2.5);
  // Maps of every head: touched ones have no value; each draw counts where it leaves a head alone.
  CHECK(std::isnan(setting.contextual_change[0]));
  CHECK(setting.contextual_change[3] == doctest::Approx(.3));
  CHECK(setting.random_change[5] == doctest::Approx(0));
  CHECK(setting.random_change[3] == doctest::Approx(.025));
}

TEST_CASE("the whole way: control.json says what a direct computation says") {
  Fixture f;
  const ControlRun run = f.run();
  const ControlResult result = control_result(run, {});
  REQUIRE(result.settings.size() == 1);
  std::vector<double> contextual, random;
  for (const ControlSample& sample : run.samples) {
    double of_contextual = 0, of_random = 0;
    for (std::size_t draw = 1; draw < run.arms.size(); ++draw) {
      std::set<HeadId> touched(run.arms[0].heads.begin(), run.arms[0].heads.end());
      touched.insert(run.arms[draw].heads.begin(), run.arms[draw].heads.end());
      std::vector<double> first, second;
      for (std::size_t i = 0; i < sample.baseline.size(); ++i) {
        const HeadId head{static_cast<int>(i) / run.heads, static_cast<int>(i) % run.heads};
        if (touched.contains(head)) continue;
        first.push_back(std::abs(double(sample.arms[0][i]) - double(sample.baseline[i])));
        second.push_back(std::abs(double(sample.arms[draw][i]) - double(sample.baseline[i])));
      }
      of_contextual += mean_of(first) / 2;
      of_random += mean_of(second) / 2;
    }
    contextual.push_back(of_contextual);
    random.push_back(of_random);
  }
  const ControlComparison& all = result.settings[0].untouched;
  CHECK(all.contextual.magnitude.value == doctest::Approx(mean_of(contextual)));
  CHECK(all.random.magnitude.value == doctest::Approx(mean_of(random)));
  CHECK(all.ratio.value == doctest::Approx(mean_of(contextual) / mean_of(random)));

  const auto back = control_result_from_json(to_json(result), "c.json");
  REQUIRE(back);
  CHECK(to_json(*back) == to_json(result));
}

TEST_CASE("responses of their own: every arm reads the rows of what it wrote") {
  Fixture f;
  f.options.response = ControlResponse::own;
  const ControlRun run = f.run();
  REQUIRE(run.samples.size() == 3);
  const auto prompt = make_sample_prompt(f.samples[0], PromptKind::all, *f.encoder);
  REQUIRE(prompt);
  GenerateRequest request;
  request.prompt_ids = prompt->encoding.ids;
  request.max_new_tokens = kTokens;
  request.interventions = {{SplitSoftmax{0.1, prompt->gold}, run.arms[0].heads, {}}};
  const auto own = f.model->generate(request, {});
  REQUIRE(own);
  const auto masses =
      plain_masses(*f.model, request.prompt_ids, own->ids, prompt->gold, request.interventions);
  for (std::size_t i = 0; i < masses.size(); ++i)
    CHECK(run.samples[0].arms[0][i] == doctest::Approx(masses[i]).epsilon(1e-4));
}

TEST_CASE("samples that cannot be measured are counted with the reason") {
  Fixture f;
  for (Document& document : f.samples[1].documents) document.gold = false;
  const ControlRun run = f.run();
  CHECK(run.samples.size() == 2);
  CHECK(run.skipped == SkipCounts{{skip_no_gold, 1}});
}

TEST_CASE("an interrupted run goes on and ends with the same bytes; another run is not mixed in") {
  Fixture f;
  Passport passport;
  passport.model = "tiny";
  const ControlFile whole(f.folder.path() / "whole.json", passport);
  const ControlRun all = f.run();
  REQUIRE(whole.save(all, true));

  const ControlFile file(f.folder.path() / "c.json", passport);
  int seen = 0;
  const RunContext stop{[&] { return seen >= 2; }, {}, {}};
  const auto part = run_control(*f.model, *f.encoder, f.samples, f.options, stop,
                                [&](const ControlRun&) -> Result<> {
                                  ++seen;
                                  return {};
                                });
  REQUIRE(part);
  CHECK(part->cancelled);
  REQUIRE(part->samples.size() == 2);
  REQUIRE(file.save(*part, false));
  CHECK_FALSE(file.complete_before(all, 3));

  ControlOptions rest = f.options;
  rest.finished = file.finished_before(all);
  CHECK(rest.finished.size() == 2);
  int ran = 0;
  const auto done =
      run_control(*f.model, *f.encoder, f.samples, rest, {}, [&](const ControlRun&) -> Result<> {
        ++ran;
        return {};
      });
  REQUIRE(done);
  CHECK(ran == 1);
  REQUIRE(file.save(*done, true));
  for (const char* ending : {"", ".samples.jsonl"}) {
    CHECK(*read_text_file(file.path().string() + ending) ==
          *read_text_file(whole.path().string() + ending));
  }
  CHECK(file.complete_before(all, 3));
  CHECK_FALSE(file.complete_before(all, 4));

  Passport other = passport;
  other.weights_sha256 = "another";
  CHECK(ControlFile(file.path(), other).finished_before(all).empty());
  ControlRun more = all;
  more.arms[1].heads[0].head += 1;
  CHECK(file.finished_before(more).empty());
}

TEST_CASE("a damaged control.json is named with its field") {
  const Json good = to_json(control_result(small_run(), {}));
  const auto message = [&](const Json& json) {
    const auto read = control_result_from_json(json, "c.json");
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == ErrorKind::bad_input);
    return read.error().message;
  };
  Json json = good;
  json["baseline"].erase(1);
  CHECK(message(json).find("'baseline'") != std::string::npos);
  json = good;
  json["settings"][0]["contextual"][0][0] = 7;
  CHECK(message(json).find("settings[0].contextual") != std::string::npos);
  json = good;
  json["settings"][0]["untouched"]["random"].erase("magnitude");
  CHECK(message(json).find("magnitude") != std::string::npos);
  json = good;
  json["experiment"] = "sweep";
  CHECK(message(json).find("experiment") != std::string::npos);
}

TEST_CASE("ratio of means: bootstrapped in pairs") {
  const std::vector<double> y{1, 2, 3, 4, 5, 6}, x{2, 4, 6, 8, 10, 12};
  const Interval exact = bootstrap_ratio_interval(x, y);
  CHECK(exact.low == doctest::Approx(2));  // drawn in pairs, the ratio never varies
  CHECK(exact.high == doctest::Approx(2));
  const std::vector<double> mixed{12, 1, 9, 2, 7, 5};
  const Interval wide = bootstrap_ratio_interval(mixed, y);
  CHECK(wide.low < 36.0 / 21);
  CHECK(wide.high > 36.0 / 21);
  CHECK(std::isnan(bootstrap_ratio_interval(x, std::vector<double>(6, 0.0)).low));
  CHECK(std::isnan(bootstrap_ratio_interval(x, std::vector<double>{1}).low));
}
