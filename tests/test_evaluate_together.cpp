// Settings evaluated together, sample by sample, against each of them evaluated alone.
// links: headscope_experiment headscope_demo_world
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "core/experiment/evaluate.h"
#include "core/experiment/in_order.h"
#include "tests/random_demo_model.h"

using namespace headscope;

namespace {

InterventionsFor split(HeadId head, double tau) {
  return [=](const SamplePrompt& prompt) -> Result<std::vector<Intervention>> {
    return std::vector<Intervention>{{SplitSoftmax{tau, prompt.gold}, {head}, {}}};
  };
}

struct Fixture : test::RandomDemoModel {
  std::vector<QaSample> samples = test::demo_test_samples(80, 5);
  std::vector<EvaluateOptions> settings;

  Fixture() {
    auto& text = samples[2].documents.back().text;  // longer than the context
    for (int i = 0; i < 8; ++i) text += " " + text;
    const auto add = [this](std::vector<HeadId> masses, bool splits, InterventionsFor change) {
      settings.push_back({.max_new_tokens = 4,
                          .mass_heads = std::move(masses),
                          .before_split = splits,
                          .interventions = std::move(change)});
    };
    add({}, false, {});
    add({{2, 1}}, true, split({2, 1}, 0.1));
    add({{0, 3}}, true, split({0, 3}, 0.1));
    add({{1, 2}}, true, split({1, 2}, 0.3));
    add({{1, 2}}, true, split({1, 2}, 1));    // the identity
    add({{2, 0}}, true, split({1, 2}, 0.3));  // other masses of the same run
  }
  std::string alone(std::size_t setting) const {
    EvaluateOptions options = settings[setting];
    options.finished.clear();
    return result_lines(*evaluate_samples(*model, *tokenizer, samples, options, {}));
  }
  Result<EvaluatedTogether> together(int workers = 1) const {
    return evaluate_together(*model, *tokenizer, samples, settings, {}, {}, {workers});
  }
  void check(const EvaluatedTogether& done) const {
    REQUIRE(done.runs.size() == settings.size());
    for (std::size_t i = 0; i < settings.size(); ++i) {
      CAPTURE(i);
      CHECK(result_lines(done.runs[i]) == alone(i));
      CHECK(done.runs[i].skipped == SkipCounts{{skip_too_long, 1}});
    }
  }
};

}  // namespace

TEST_CASE("every setting's lines are those of the setting alone, to the last digit") {
  const Fixture f;
  CHECK(f.alone(1) != f.alone(2));
  CHECK(f.alone(3) != f.alone(4));
  for (const int workers : {1, 2, 3}) {
    const auto done = f.together(workers);
    REQUIRE(done);
    f.check(*done);
    std::int64_t rows = 0;
    for (const std::size_t i : {0, 1, 3, 4}) {
      rows += make_sample_prompt(f.samples[i], PromptKind::all, *f.tokenizer)->tokens() - 1;
    }
    // Of three layers the last needs no attention at the prompt's rows: two layers for each of six
    // settings alone; together both once for what is not edited, both for layer 0, one for layer 1.
    CHECK(done->cost.separate == 6 * 2 * rows);
    CHECK(done->cost.bound == (2 + 2 + 1) * rows);
    CHECK(done->cost.layer_rows == done->cost.bound);
    CHECK(done->cost.separate_seconds() > done->cost.seconds());
  }
}

TEST_CASE("settings that decode together give the same answers, whoever is with them") {
  Fixture f;
  const auto decode = [&f] {
    auto done = evaluate_together(*f.model, *f.tokenizer, f.samples, f.settings, {}, {},
                                  {.decode_together = true});
    REQUIRE(done);
    return std::move(*done);
  };
  const auto apart = f.together();
  const auto together = decode();
  REQUIRE(apart);
  for (std::size_t i = 0; i < f.settings.size(); ++i) {
    CAPTURE(i);
    REQUIRE(together.runs[i].samples.size() == apart->runs[i].samples.size());
    for (std::size_t k = 0; k < together.runs[i].samples.size(); ++k) {
      const EvaluatedSample &a = together.runs[i].samples[k], &b = apart->runs[i].samples[k];
      CHECK(a.response == b.response);
      CHECK(a.relevant_mass == doctest::Approx(b.relevant_mass).epsilon(1e-5));
      CHECK(a.sink_mass == doctest::Approx(b.sink_mass).epsilon(1e-5));
    }
  }
  CHECK(together.cost.layer_rows == apart->cost.layer_rows);
  // To the last digit, so that an interrupted sweep ends in the same table.
  f.settings.erase(f.settings.begin() + 1, f.settings.begin() + 3);
  const auto fewer = decode();
  CHECK(result_lines(fewer.runs[1]) == result_lines(together.runs[3]));
  f.settings.erase(f.settings.begin());
  f.settings.resize(1);
  CHECK(result_lines(decode().runs[0]) == result_lines(together.runs[3]));
}

TEST_CASE("what was finished before is not run again") {
  Fixture f;
  const auto whole = f.together();
  REQUIRE(whole);
  f.settings[1].finished = {whole->runs[1].samples[0], whole->runs[1].samples[2]};
  for (auto& setting : f.settings) setting.finished.push_back(whole->runs[0].samples[3]);
  f.settings[1].finished[0].response = "kept";
  const auto done = f.together();
  REQUIRE(done);
  CHECK(done->runs[1].samples[0].response == "kept");
  CHECK(done->runs[2].samples[0].response == whole->runs[2].samples[0].response);
  CHECK(done->cost.separate < whole->cost.separate);
}

TEST_CASE("a failure or a cancellation ends every worker, and what was finished is kept") {
  Fixture f;
  for (const int workers : {1, 3}) {
    std::atomic<int> polls{0};
    RunContext context;
    context.is_cancelled = [&] { return ++polls > 400; };
    const auto stopped =
        evaluate_together(*f.model, *f.tokenizer, f.samples, f.settings, context, {}, {workers});
    REQUIRE(stopped);
    CHECK(stopped->cancelled);
    CHECK(stopped->runs[0].cancelled);
    CHECK(stopped->runs[0].samples.size() < 4);
    CHECK(stopped->runs[0].samples.size() == stopped->runs[5].samples.size());
  }
  f.settings[3].interventions = split({9, 9}, 0.1);
  for (const int workers : {1, 3}) {
    const auto failed = f.together(workers);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().kind == ErrorKind::bad_input);
  }
}

TEST_CASE("results of several workers are used in order, until enough") {
  for (const int workers : {1, 2, 5}) {
    std::vector<std::size_t> used;
    const auto work = [](std::size_t item, int) {
      std::this_thread::sleep_for(std::chrono::milliseconds(item % 3));
      return item * item;
    };
    in_order(
        20, workers, [] {}, work,
        [&](std::size_t item, std::size_t square) {
          CHECK(square == item * item);
          used.push_back(item);
          return item < 12;
        });
    CHECK(used.size() == 13);
    CHECK(std::is_sorted(used.begin(), used.end()));
  }
}

TEST_CASE("what a worker throws comes to the caller once all have ended") {
  for (const int workers : {1, 3}) {
    const auto work = [](std::size_t item, int) {
      if (item == 7) throw std::bad_alloc();
      return item;
    };
    const auto take = [](std::size_t item, std::size_t) { return item < 100; };
    CHECK_THROWS_AS(in_order(
                        20, workers, [] {}, work, take),
                    std::bad_alloc);
    const auto refuse = [](std::size_t, std::size_t) -> bool { throw std::bad_alloc(); };
    CHECK_THROWS_AS(in_order(
                        20, workers, [] {}, work, refuse),
                    std::bad_alloc);
  }
}
