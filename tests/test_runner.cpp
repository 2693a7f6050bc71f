// The runner over a real model with random weights: arrays, identities, previews, cancellation.
// links: headscope_runner headscope_demo_world
// timeout: 300
#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <ctime>
#include <numeric>
#include <thread>

#include "core/engine/engine.h"
#include "core/engine/prompt_groups.h"
#include "core/runner/factory.h"
#include "core/runner/model_runner.h"
#include "core/session/directions_file.h"
#include "tests/random_demo_model.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using headscope::test::TemporaryFolder;

namespace {

constexpr HeadId kFirst{0, 1};
constexpr HeadId kOther{0, 2};

struct Fixture {
  TemporaryFolder folder;
  Request request;
  QaSample sample = test::demo_test_sample(3);
  ModelRunner runner;
  std::shared_ptr<const PromptView> prompt;

  explicit Fixture(bool directions = true) {
    test::write_random_demo_model(folder.path());
    if (directions) {
      REQUIRE(write_directions(folder / "directions.safetensors", test::random_demo_directions(),
                               new_passport()));
    }
    request.model = folder.path().string();
    request.max_new_tokens = 8;
    request.threads = 1;
    const BuiltPrompt built = build_prompt(sample);
    request.prompt.text = built.text;
    request.prompt.gold_document = static_cast<int>(*sample.gold_position());
    request.prompt.answers = sample.answers;
    REQUIRE(runner.load(request, {}));
    auto prepared = runner.prepare(request.prompt);
    REQUIRE(prepared);
    prompt = *prepared;
  }

  std::shared_ptr<const RunResult> run(const InterventionSettings& settings = {},
                                       const std::vector<HeadId>& heads = {}) {
    auto result = runner.run(*prompt, settings, heads, request, {});
    REQUIRE_MESSAGE(result, (result ? "" : result.error().message));
    return *result;
  }
};

InterventionSettings picked(double tau, double alpha, std::vector<HeadId> heads) {
  InterventionSettings settings;
  settings.tau = tau;
  settings.alpha = alpha;
  settings.choice = HeadChoice::picked;
  settings.picked = std::move(heads);
  return settings;
}

double sum(const float* values, TokenRange range) {
  return std::accumulate(values + range.begin, values + range.end, 0.0);
}

double largest_difference(const float* a, const std::vector<double>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < b.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

std::vector<double> softmax(std::vector<double> scores) {
  const double top = *std::max_element(scores.begin(), scores.end());
  double total = 0;
  for (double& score : scores) total += score = std::exp(score - top);
  for (double& score : scores) score /= total;
  return scores;
}

}  // namespace

TEST_CASE("load describes the model and keeps it") {
  Fixture f;
  const auto info = *f.runner.load(f.request, {});
  CHECK(info == *f.runner.load(f.request, {}));
  CHECK(info->layers == 3);
  CHECK(info->heads == 4);
  CHECK(info->kv_heads == 2);
  CHECK(info->model_type == "llama");
  CHECK(info->has_directions);
  CHECK(info->directions_source == "directions.safetensors");
  CHECK(info->known_ranking.empty());
  CHECK_FALSE(info->is_demo);
}

TEST_CASE("focus directions of a file take the place of the model's own, and give it back") {
  Fixture f;
  auto& settings = f.request.intervention;
  auto stronger = test::random_demo_directions();
  for (float& value : stronger.query) value *= -3;
  const auto file = f.folder / "mine.safetensors";
  REQUIRE(write_directions(file, stronger, new_passport()));
  const auto own = *f.runner.load(f.request, {});
  const auto before = f.runner.run(*f.prompt, picked(1, 0.8, {kFirst}), {kFirst}, f.request, {});
  settings.directions = file.string();
  settings.directions_hash = *directions_sha256(file);
  const auto info = *f.runner.load(f.request, {});
  CHECK(info->directions_source == "mine.safetensors");
  CHECK(info->layers == own->layers);
  CHECK(info == *f.runner.load(f.request, {}));
  const auto after = f.runner.run(*f.prompt, picked(1, 0.8, {kFirst}), {kFirst}, f.request, {});
  REQUIRE((before && after));
  CHECK((*before)->span_sums != (*after)->span_sums);
  // Of another model, changed since, or gone: the model has none, says why, and runs without.
  REQUIRE(write_directions(file, {1, 2, 4, std::vector<float>(8, 1.0f), {}}, new_passport()));
  for (const char* problem : {"has changed since", "this model needs"}) {
    settings.directions_hash = *problem == 'h' ? "0" : *directions_sha256(file);
    const auto bad = *f.runner.load(f.request, {});
    CHECK_FALSE(bad->has_directions);
    CHECK_MESSAGE(bad->directions_problem.find(problem) != std::string::npos,
                  bad->directions_problem);
    CHECK(bad->directions_problem.find("mine.safetensors") != std::string::npos);
    const auto refused = f.runner.run(*f.prompt, picked(1, 0.8, {kFirst}), {kFirst}, f.request, {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message == bad->directions_problem);
    CHECK(f.runner.run(*f.prompt, picked(0.1, 0, {kFirst}), {kFirst}, f.request, {}));
  }
  settings.directions.clear();
  settings.directions_hash.clear();
  const auto back = *f.runner.load(f.request, {});
  CHECK(back->directions_source == own->directions_source);
  CHECK(back->directions_problem.empty());
  const auto again = f.runner.run(*f.prompt, picked(1, 0.8, {kFirst}), {kFirst}, f.request, {});
  REQUIRE(again);
  CHECK((*again)->span_sums == (*before)->span_sums);
}

TEST_CASE("a head set beside the model is its ranking; one of another shape is left alone") {
  Fixture f;
  REQUIRE(write_file_atomically(f.folder / "heads.json", R"({"ranking":[[2,3],[0,1]]})"));
  auto other = f.request;
  other.threads = 2;  // another request, so that the files are read again
  auto info = f.runner.load(other, {});
  REQUIRE(info);
  CHECK(((*info)->known_ranking == std::vector<HeadId>{{2, 3}, {0, 1}}));
  REQUIRE(write_file_atomically(f.folder / "heads.json", R"({"ranking":[[9,9]]})"));
  info = f.runner.load(f.request, {});
  REQUIRE(info);
  CHECK((*info)->known_ranking.empty());
}

TEST_CASE("prepare finds documents, tokens and unknown words") {
  Fixture f;
  REQUIRE(f.prompt->documents.size() == 4);
  CHECK(f.prompt->gold_document() == *f.sample.gold_position());
  for (const DocumentView& document : f.prompt->documents) {
    const auto& first = f.prompt->tokens[static_cast<std::size_t>(document.tokens.begin)];
    const auto& last = f.prompt->tokens[static_cast<std::size_t>(document.tokens.end - 1)];
    CHECK(first.bytes.overlaps(document.relevant));
    CHECK(last.bytes.end >= document.relevant.end);
  }
  CHECK(f.prompt->unknown_words.empty());
  auto strange = f.request.prompt;
  std::string with_word = strange.text;
  strange.text = with_word.insert(strange.text.find("Question:"), "qzxv ");
  const auto prepared = f.runner.prepare(strange);
  REQUIRE(prepared);
  REQUIRE((*prepared)->unknown_words.size() == 1);
  const ByteSpan word = (*prepared)->unknown_words[0];
  CHECK(strange.text.substr(word.begin, word.end - word.begin).find("qzxv") != std::string::npos);
}

TEST_CASE("what cannot be prepared or run says why") {
  Fixture f(false);
  auto prompt = f.request.prompt;
  prompt.text.clear();
  CHECK(f.runner.prepare(prompt).error().kind == ErrorKind::bad_input);
  prompt = f.request.prompt;
  for (int i = 0; i < 5; ++i) prompt.text += prompt.text;
  CHECK(f.runner.prepare(prompt).error().message.find("1024") != std::string::npos);
  prompt = f.request.prompt;
  prompt.gold_document = 4;
  CHECK(f.runner.prepare(prompt).error().kind == ErrorKind::bad_input);
  const auto focus = f.runner.run(*f.prompt, picked(1, 0.3, {kFirst}), {kFirst}, f.request, {});
  CHECK(focus.error().message.find("directions") != std::string::npos);
  prompt = f.request.prompt;
  prompt.gold_document = -1;
  const auto unmarked = f.runner.prepare(prompt);
  CHECK_FALSE(f.runner.run(**unmarked, picked(0.1, 0, {kFirst}), {kFirst}, f.request, {}));
  auto request = f.request;
  request.model = (f.folder / "nothing").string();
  CHECK(f.runner.load(request, {}).error().kind == ErrorKind::bad_input);
  CHECK_FALSE(f.runner.prepare(f.request.prompt));  // the old model is gone
}

TEST_CASE("rows, span sums and scores of a run agree with its weights") {
  Fixture f;
  const auto run = f.run();
  const auto count = static_cast<std::int64_t>(run->response.size());
  REQUIRE(count > 0);
  CHECK(run->rows == TokenRange{f.prompt->prompt_tokens(), f.prompt->prompt_tokens() + count});
  CHECK(run->keys == f.prompt->prompt_tokens() + count);
  CHECK(run->sets == 5);
  const int gold = f.prompt->gold_document();
  for (int layer = 0; layer < run->layers; ++layer) {
    for (int head = 0; head < run->heads; ++head) {
      const HeadId id{layer, head};
      double relevant = 0;
      for (std::int64_t row = 0; row < count; ++row) {
        const float* weights = run->row(id, row);
        CHECK(sum(weights, {0, run->keys}) == doctest::Approx(1).epsilon(1e-4));
        for (int d = 0; d < 4; ++d) {
          const auto tokens = f.prompt->documents[static_cast<std::size_t>(d)].tokens;
          CHECK(run->span_sum(id, row, d) == doctest::Approx(sum(weights, tokens)).epsilon(1e-4));
        }
        CHECK(run->span_sum(id, row, 4) == doctest::Approx(sum(weights, {0, 2})).epsilon(1e-4));
        relevant += sum(weights, f.prompt->documents[static_cast<std::size_t>(gold)].tokens);
      }
      CHECK(run->scores.relevant[run->index(id)] ==
            doctest::Approx(relevant / static_cast<double>(count)).epsilon(1e-4));
    }
  }
}

TEST_CASE("a run keeps the most likely next tokens of every step") {
  Fixture f;
  const auto run = f.run();
  REQUIRE_FALSE(run->response.empty());
  REQUIRE(run->candidates.size() == run->response.size());
  for (std::size_t step = 0; step < run->candidates.size(); ++step) {
    const auto& candidates = run->candidates[step];
    REQUIRE(candidates.size() == kept_candidates);
    CHECK(candidates.front().id == run->response[step].id);  // decoding is greedy
    CHECK(candidates.front().text == run->response[step].text);
    double total = 0;
    for (std::size_t k = 0; k < candidates.size(); ++k) {
      total += double{candidates[k].probability};
      if (k > 0) CHECK(candidates[k].probability <= candidates[k - 1].probability);
    }
    CHECK(total <= 1.0001);
  }
}

TEST_CASE("predict rows are the input rows, one earlier") {
  Fixture f;
  const auto input = f.run();
  f.request.row_convention = RowConvention::predict;
  const auto predict = f.run();
  REQUIRE(input->response.size() > 1);
  CHECK(predict->rows.begin == input->rows.begin - 1);
  CHECK(predict->rows.size() == input->rows.size());
  for (std::int64_t row = 1; row < predict->rows.size(); ++row) {
    for (std::int64_t key = 0; key < input->keys; ++key) {
      CHECK(predict->row(kFirst, row)[key] == input->row(kFirst, row - 1)[key]);
    }
  }
}

TEST_CASE("the identity changes nothing, and says so") {
  Fixture f;
  const auto plain = f.run();
  const auto identity = f.run(picked(1, 0, {kFirst}), {kFirst});
  CHECK(identity->response_text == plain->response_text);
  CHECK(*identity->weights[3] == *plain->weights[3]);
  CHECK(identity->touched.empty());
}

TEST_CASE("split-softmax in the first layer is the formula on the baseline's weights") {
  Fixture f;
  f.request.row_convention = RowConvention::predict;
  f.request.max_new_tokens = 1;
  const auto plain = f.run(), edited = f.run(picked(0.2, 0, {kFirst}), {kFirst});
  CHECK((edited->touched == std::vector<HeadId>{kFirst}));
  const TokenRange gold =
      f.prompt->documents[static_cast<std::size_t>(f.prompt->gold_document())].tokens;
  const float* a = plain->row(kFirst, 0);
  const double p = sum(a, gold), raised = std::pow(p, 0.2);
  std::vector<double> expected;
  for (std::int64_t key = 0; key < f.prompt->prompt_tokens(); ++key) {
    expected.push_back(a[key] * (gold.contains(key) ? raised / p : (1 - raised) / (1 - p)));
  }
  CHECK(largest_difference(edited->row(kFirst, 0), expected) < 1e-5);
  CHECK(std::abs(expected[static_cast<std::size_t>(gold.begin)] - a[gold.begin]) > 1e-6);
  for (std::int64_t key = 0; key < f.prompt->prompt_tokens(); ++key) {
    CHECK(edited->row(kOther, 0)[key] == doctest::Approx(plain->row(kOther, 0)[key]).epsilon(1e-4));
  }
}

TEST_CASE("another method beside the sliders acts on the same heads and document") {
  Fixture f;
  f.request.row_convention = RowConvention::predict;
  f.request.max_new_tokens = 1;
  const auto plain = f.run();
  const int gold = f.prompt->gold_document();
  const auto mass = [&](const RunResult& run) {
    return sum(run.row(kFirst, 0), f.prompt->documents[static_cast<std::size_t>(gold)].tokens);
  };
  const double p = mass(*plain);
  InterventionSettings settings = picked(1, 0, {kFirst});
  settings.also = "pasta";
  settings.also_strength = 0.2;
  CHECK(mass(*f.run(settings, {kFirst})) == doctest::Approx(p / (p + 0.2 * (1 - p))).epsilon(1e-4));
  settings.tau = 0.5;  // after the bias
  CHECK(mass(*f.run(settings, {kFirst})) ==
        doctest::Approx(std::sqrt(p / (p + 0.2 * (1 - p)))).epsilon(1e-4));
  settings = picked(1, 0, {kFirst});
  settings.also = "ablate";
  const auto ablated = f.run(settings, {kFirst});
  CHECK(ablated->settings.also == "ablate");
  CHECK(ablated->span_sums != plain->span_sums);
  settings.also = "focus";
  CHECK_FALSE(f.runner.run(*f.prompt, settings, {kFirst}, f.request, {}));
}

TEST_CASE("preview inputs give the exact first layer for any alpha") {
  Fixture f;
  f.request.row_convention = RowConvention::predict;
  f.request.max_new_tokens = 1;
  const auto plain = f.run();
  const auto inputs = f.runner.preview_inputs(*f.prompt, *plain, {});
  REQUIRE(inputs);
  const auto keys = static_cast<std::size_t>(f.prompt->prompt_tokens());
  const std::size_t all = (*inputs)->focus_bias.size() / 12;  // keys per head
  REQUIRE(all >= keys);
  for (const double alpha : {0.3, -0.5, 1.0}) {
    const auto exact = f.run(picked(1, alpha, {kFirst}), {kFirst});
    std::vector<double> scores;
    for (std::size_t key = 0; key < keys; ++key) {
      const double bias = (*inputs)->focus_bias[plain->index(kFirst) * all + key];
      scores.push_back(std::log(double{plain->row(kFirst, 0)[key]}) + alpha * bias);
    }
    CHECK(largest_difference(exact->row(kFirst, 0), softmax(scores)) < 1e-4);
  }
}

TEST_CASE("the full map holds the run's rows, edited alike") {
  Fixture f;
  for (const auto& settings : {InterventionSettings{}, picked(0.2, 0.3, {kFirst})}) {
    const auto run = f.run(settings, settings.picked);
    const auto map = f.runner.full_map(*f.prompt, *run, kFirst, {}, {});
    REQUIRE(map);
    REQUIRE((*map)->tokens == run->keys);
    for (std::int64_t row = 0; row < run->rows.size(); ++row) {
      const float* whole = (*map)->weights->data() + (run->rows.begin + row) * run->keys;
      for (std::int64_t key = 0; key < run->keys; ++key) {
        CHECK(whole[key] == doctest::Approx(run->row(kFirst, row)[key]).epsilon(1e-3));
      }
    }
  }
}

TEST_CASE("a long prompt's full map: pooled by maxima, exact where it is asked for, run once") {
  Fixture f;
  const auto run = f.run(picked(0.2, 0.3, {kFirst}), {kFirst});
  const auto whole = f.runner.full_map(*f.prompt, *run, kFirst, {}, {});
  REQUIRE(whole);
  ModelRunner small(ModelRunner::default_weights_budget, 50);
  REQUIRE(small.load(f.request, {}));
  int steps = 0;
  RunContext counted;
  counted.on_progress = [&](const Progress& progress) { steps += progress.what == "prefill"; };
  const MapRegion region{{40, 90}, {30, 1000000}};
  const auto pooled = small.full_map(*f.prompt, *run, kFirst, region, counted);
  REQUIRE(pooled);
  CHECK(steps > 0);
  const FullMap &a = **whole, &b = **pooled;
  REQUIRE(b.level > 0);
  CHECK(b.side() <= 50);
  REQUIRE(static_cast<std::int64_t>(b.weights->size()) == b.side() * b.side());
  std::vector<float> expected(b.weights->size(), 0.0f);
  for (std::int64_t row = 0; row < a.tokens; ++row) {
    for (std::int64_t key = 0; key < a.tokens; ++key) {
      float& cell = expected[static_cast<std::size_t>(row / b.cell() * b.side() + key / b.cell())];
      cell = std::max(cell, (*a.weights)[static_cast<std::size_t>(row * a.tokens + key)]);
    }
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK((*b.weights)[i] == doctest::Approx(expected[i]).epsilon(1e-4));
  }
  CHECK(b.region == MapRegion{{40, 90}, {30, a.tokens}});
  REQUIRE(static_cast<std::int64_t>(b.exact.size()) == 50 * (a.tokens - 30));
  for (std::int64_t row = 40; row < 90; ++row) {
    const float* exact = b.exact.data() + (row - 40) * (a.tokens - 30);
    for (std::int64_t key = 30; key < a.tokens; ++key) {
      CHECK(exact[key - 30] ==
            doctest::Approx((*a.weights)[static_cast<std::size_t>(row * a.tokens + key)])
                .epsilon(1e-4));
    }
  }
  // Looking elsewhere does not run the model again.
  steps = 0;
  const auto elsewhere = small.full_map(*f.prompt, *run, kFirst, {{0, 10}, {0, 10}}, counted);
  REQUIRE(elsewhere);
  CHECK(steps == 0);
  CHECK((*elsewhere)->weights == b.weights);  // the same numbers in the same place
  // Whole and by groups: what the map of all pairs gives.
  for (const TokenGrouping grouping : {TokenGrouping::documents, TokenGrouping::sentences}) {
    const auto grouped = small.full_map(*f.prompt, *run, kFirst, {{}, {}, grouping}, counted);
    REQUIRE(grouped);
    REQUIRE((*grouped)->groups);
    const GroupedMap& map = *(*grouped)->groups;
    const auto expected_groups =
        prompt_groups(*f.prompt, a.tokens - f.prompt->prompt_tokens(), grouping);
    CHECK(map.groups.of == expected_groups.of);
    for (const Pooling pooling : {Pooling::sum, Pooling::mean, Pooling::max}) {
      const auto cells = group_map({a.weights->data(), a.tokens, a.tokens, 0},
                                   expected_groups.axis(), expected_groups.axis(), pooling);
      REQUIRE(map.cells(pooling).size() == cells.size());
      for (std::size_t i = 0; i < cells.size(); ++i) {
        if (std::isnan(cells[i])) {
          CHECK(std::isnan(map.cells(pooling)[i]));
        } else {
          CHECK(map.cells(pooling)[i] == doctest::Approx(cells[i]).epsilon(1e-4));
        }
      }
    }
  }
  CHECK(steps == 0);
}

TEST_CASE("weights over the budget are dropped, span sums stay") {
  Fixture f;
  const auto kept = f.run();
  ModelRunner small(1000);
  REQUIRE(small.load(f.request, {}));
  const auto run = small.run(*f.prompt, {}, {}, f.request, {});
  REQUIRE(run);
  CHECK((*run)->weights.empty());
  REQUIRE((*run)->span_sums.size() == kept->span_sums.size());
  for (std::size_t i = 0; i < kept->span_sums.size(); ++i) {
    CHECK((*run)->span_sums[i] == doctest::Approx(kept->span_sums[i]).epsilon(1e-4));
  }
}

TEST_CASE("after the baseline a run begins at its first touched layer, with the same result") {
  const auto edited = [](Fixture& f, int layer, int& polls) {
    RunContext context;
    context.is_cancelled = [&] { return ++polls < 0; };
    const std::vector<HeadId> heads{{layer, 1}, {2, 0}};
    const auto run = f.runner.run(*f.prompt, picked(0.1, 0.5, heads), heads, f.request, context);
    REQUIRE(run);
    return *run;
  };
  Fixture shared;
  const auto baseline = shared.run();
  for (const int layer : {0, 2, 1}) {
    CAPTURE(layer);
    Fixture alone;
    int polls = 0, polls_alone = 0;
    const auto after = edited(shared, layer, polls);
    const auto expected = edited(alone, layer, polls_alone);
    CHECK((polls < polls_alone) == (layer > 0));
    REQUIRE(after->weights.size() == expected->weights.size());
    for (std::size_t i = 0; i < after->weights.size(); ++i) {
      CHECK(*after->weights[i] == *expected->weights[i]);
    }
    CHECK(after->span_sums != baseline->span_sums);
    CHECK(after->span_sums == expected->span_sums);
    CHECK(after->response_text == expected->response_text);
  }
}

TEST_CASE("the answer is streamed as it grows") {
  Fixture f;
  std::vector<std::string> texts;
  bool finished = false;
  RunContext context;
  context.on_text = [&](const std::string& text, bool last) {
    texts.push_back(text);
    finished = last;
  };
  const auto run = f.runner.run(*f.prompt, {}, {}, f.request, context);
  REQUIRE(run);
  CHECK(texts.size() >= (*run)->response.size());
  for (std::size_t i = 1; i < texts.size(); ++i) CHECK(texts[i].starts_with(texts[i - 1]));
  CHECK(texts.back() == (*run)->response_text);
  CHECK(finished);
}

TEST_CASE("work polls at every layer of every step, and stops at the first yes") {
  Fixture f;
  f.run();  // the prompt is kept: from now on only the answer is run
  int polls = 0, limit = 1 << 30;
  RunContext context;
  context.is_cancelled = [&] { return ++polls > limit; };
  const auto whole = f.runner.run(*f.prompt, {}, {}, f.request, context);
  REQUIRE(whole);
  const int steps = static_cast<int>((*whole)->response.size());
  CHECK(polls >= 3 * steps);
  const int all = polls;
  for (const int share : {0, 1, 2, 3}) {
    polls = 0;
    limit = all * share / 4;
    const auto stopped = f.runner.run(*f.prompt, {}, {}, f.request, context);
    REQUIRE_FALSE(stopped);
    CHECK(stopped.error().kind == ErrorKind::cancelled);
    CHECK(polls <= limit + 2);
  }
}

TEST_CASE("less than 50 ms of work lie between two polls") {
  Fixture f;
  f.request.max_new_tokens = 20;
  auto longer = f.request.prompt;  // near the model's context
  const std::string line = longer.text.substr(longer.text.find("Document [1]"));
  const std::string document = line.substr(0, line.find('\n') + 1);
  while (f.prompt->prompt_tokens() < 900) {
    std::string text = longer.text;
    longer.text = text.insert(text.find("Document [1]"), document);
    f.prompt = f.runner.prepare(longer).value();
  }
  // Time of this thread alone (the model runs on one), so that a busy machine does not count.
  double last = -1, longest = 0;
  RunContext context;
  context.is_cancelled = [&] {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    const double seconds =
        static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
    if (last >= 0) longest = std::max(longest, seconds - last);
    last = seconds;
    return false;
  };
  REQUIRE(f.runner.run(*f.prompt, {}, {}, f.request, context));
  CHECK(longest < 0.05);
}

TEST_CASE("in the engine the newest request wins over a long one") {
  Fixture f;
  Engine engine(
      []() -> Result<std::unique_ptr<Runner>> {
        char message[200];
        std::unique_ptr<Runner> made(headscope_create_runner(message, sizeof message));
        if (made == nullptr) return fail(ErrorKind::internal, message);
        return made;
      },
      [] {});
  Request slow = f.request;
  slow.max_new_tokens = 700;
  engine.submit(slow);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  Request quick = f.request;
  quick.max_new_tokens = 2;
  const auto id = engine.submit(quick);
  for (int i = 0; i < 3000 && !engine.idle(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  REQUIRE(engine.idle());
  const auto snapshot = engine.snapshot();
  CHECK(snapshot->request_id == id);
  REQUIRE(snapshot->baseline != nullptr);
  CHECK(snapshot->baseline->response.size() <= 2);
}
