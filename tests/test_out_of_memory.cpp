// links: headscope_runner headscope_demo_world
// timeout: 300
// Allocations that fail, one after the other, at every point of a small run: each gives a message
// or does not matter, and the next run gives the numbers of a run without failures.
//
// HEADSCOPE_ALLOCATIONS=all tries every single one (minutes); otherwise a sample of them.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include "core/engine/causal_view.h"
#include "core/engine/explain.h"
#include "core/model/memory.h"
#include "core/runner/model_runner.h"
#include "core/session/directions_file.h"
#include "tests/engine_fixture.h"
#include "tests/failing_memory.h"
#include "tests/random_demo_model.h"

using namespace headscope;
using headscope::test::FailingMemory;

namespace {

/// Everything at once: edited run, map, lens, scores, causal check, automatic strength.
Request everything(Request request) {
  request.intervention.tau = 0.2;
  request.intervention.alpha = 0.3;
  request.intervention.choice = HeadChoice::picked;
  request.intervention.picked = {{1, 1}, {2, 0}};
  request.selected = {2, 1};
  request.want_full_map = true;
  request.questions.causal = request.questions.auto_alpha = true;
  request.questions.lens = {true, 1};
  request.questions.scores = {true, 20};
  return request;
}

/// What a request came to, as text: exact, so that equal texts are equal numbers.
class Digest {
 public:
  explicit Digest(const Snapshot& s) {
    if (!s.model || !s.prompt || !s.baseline || !s.intervened) return;
    run(*s.baseline);
    run(*s.intervened);
    for (const auto& map : {s.full_map, s.full_map_baseline}) numbers(map ? *map->weights : none_);
    if (s.preview_inputs) numbers(s.preview_inputs->focus_bias);
    if (s.causal) {
      for (const auto& document : s.causal->documents) number(document.drop);
      for (const auto& head : s.causal->heads) number(head.drop);
    }
    if (s.auto_alpha) number(s.auto_alpha->alpha);
    if (s.lens && s.lens->intervened) {
      for (const LensLayer& layer : s.lens->intervened->layers) numbers(layer.probability);
    }
    if (s.scores && s.scores->intervened) numbers(s.scores->intervened->base);
    text_ += s.intervened->quality == Quality::exact ? "exact" : "preview";
  }
  const std::string& text() const { return text_; }

 private:
  void number(double value) {
    std::array<char, 40> buffer;
    std::snprintf(buffer.data(), buffer.size(), "%a ", value);
    text_ += buffer.data();
  }
  void numbers(const std::vector<float>& values) {
    double sum = 0, weighted = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) continue;
      sum += values[i];
      weighted += values[i] * static_cast<double>(i % 1009 + 1);
    }
    number(static_cast<double>(values.size()));
    number(sum);
    number(weighted);
  }
  void run(const RunResult& result) {
    text_ += result.response_text + "|";
    numbers(result.span_sums);
    for (const auto& block : result.weights) numbers(block ? *block : none_);
  }

  const std::vector<float> none_;
  std::string text_;
};

struct Bench {
  test::TemporaryFolder folder;
  Request request;

  Bench() {
    test::write_random_demo_model(folder.path());
    REQUIRE(write_directions(folder / "directions.safetensors", test::random_demo_directions(),
                             new_passport()));
    const QaSample sample = test::demo_test_sample(3, 2);
    const BuiltPrompt built = build_prompt(sample);
    request.model = folder.path().string();
    request.max_new_tokens = 4;
    request.threads = 1;
    request.prompt.text = built.text;
    request.prompt.gold_document = static_cast<int>(*sample.gold_position());
    request.prompt.answers = sample.answers;
    request = everything(request);
  }
  static Engine::RunnerFactory runner() {
    return []() -> Result<std::unique_ptr<Runner>> { return std::make_unique<ModelRunner>(); };
  }
};

/// The request answered by an engine of its own while allocations fail, and once more without.
struct Attempt {
  std::int64_t counted = 0, refused = 0;
  std::string message, during, after;
};

/// Waits without asking for memory itself.
bool wait_idle(const Engine& engine) {
  return test::eventually([&] { return engine.idle(); });
}

template <class Arm, class Disarm>
Attempt attempt(const Engine::RunnerFactory& make, const Request& request, const Arm& arm,
                const Disarm& disarm) {
  Attempt done;
  Engine engine(make, [] {});
  ReuseOptions reuse;
  reuse.neighbours = false;  // what is computed ahead has no end of its own to wait for
  engine.set_reuse(reuse);
  arm();
  engine.submit(request);
  const bool answered = wait_idle(engine);
  disarm(done);
  REQUIRE(answered);
  const auto first = engine.snapshot();
  if (first->status.error) done.message = first->status.error->message;
  done.during = Digest(*first).text();
  engine.submit(request);
  REQUIRE(wait_idle(engine));
  const auto second = engine.snapshot();
  CHECK_MESSAGE(!second->status.error, (second->status.error ? second->status.error->message : ""));
  done.after = Digest(*second).text();
  return done;
}

Attempt refuse_new(const Engine::RunnerFactory& make, const Request& request, std::int64_t first,
                   std::int64_t count) {
  return attempt(
      make, request, [&] { FailingMemory::refuse(first, count); },
      [](Attempt& done) {
        done.counted = FailingMemory::counted();
        done.refused = FailingMemory::refused();
        FailingMemory::stop();
      });
}

bool all_of_them() {
  const char* wanted = std::getenv("HEADSCOPE_ALLOCATIONS");
  return wanted != nullptr && std::string(wanted) == "all";
}

/// Every one of 1..count, or about `sample` of them: all of the first, then ever fewer.
std::vector<std::int64_t> chosen(std::int64_t count, std::int64_t sample) {
  std::vector<std::int64_t> numbers;
  const double step = all_of_them() ? 1 : std::max(1.0, double(count) / double(sample));
  for (double at = 1; at <= double(count); at += step) numbers.push_back(std::int64_t(at));
  return numbers;
}

void check(const Attempt& done, const std::string& expected, std::int64_t number) {
  CAPTURE(number);
  CAPTURE(done.message);
  CHECK(done.after == expected);
  if (done.refused == 0) CHECK(done.message.empty());
  if (done.message.empty()) CHECK(done.during == expected);
}

void refuse_each(const Engine::RunnerFactory& make, const Request& request, std::int64_t sample,
                 std::int64_t in_a_row) {
  FailingMemory::spare_this_thread();
  const Attempt whole = refuse_new(make, request, 0, 0);
  REQUIRE(whole.message.empty());
  REQUIRE(whole.during.ends_with("exact"));
  REQUIRE(whole.after == whole.during);
  std::int64_t refused = 0, messages = 0;
  const auto numbers = chosen(whole.counted, sample);
  for (const std::int64_t number : numbers) {
    const Attempt done = refuse_new(make, request, number, in_a_row);
    check(done, whole.during, number);
    refused += done.refused > 0 ? 1 : 0;
    messages += done.message.empty() ? 0 : 1;
  }
  MESSAGE(whole.counted << " allocations, " << numbers.size() << " points tried, " << refused
                        << " with a refusal, " << messages << " with a message");
  CHECK(messages > std::int64_t(numbers.size()) / 10);
}

/// libtorch's allocator with refusals in front.
class RefusingAllocator final : public c10::Allocator {
 public:
  explicit RefusingAllocator(c10::Allocator& behind) : behind_(behind) {}
  c10::DataPtr allocate(std::size_t size) override {
    if (++counter == refused) throw std::bad_alloc();
    return behind_.allocate(size);
  }
  c10::DeleterFnPtr raw_deleter() const override { return behind_.raw_deleter(); }
  void copy_data(void* to, const void* from, std::size_t count) const override {
    behind_.copy_data(to, from, count);
  }
  std::atomic<std::int64_t> counter{0}, refused{0};

 private:
  c10::Allocator& behind_;
};

}  // namespace

TEST_CASE("engine and fake model: any allocation may fail") {
  auto request = everything(test::engine_request());
  request.intervention.picked = {{5, 0}, {6, 1}};
  const auto control = std::make_shared<FakeControl>();
  SUBCASE("one") {
    refuse_each(fake_runner_factory({}, control), request, 100, 1);
  }
  SUBCASE("several in a row") {
    refuse_each(fake_runner_factory({}, control), request, 30, 8);
  }
}

TEST_CASE("engine and real model: any allocation of ours may fail") {
  const Bench bench;
  SUBCASE("one") {
    refuse_each(Bench::runner(), bench.request, 100, 1);
  }
  SUBCASE("several in a row") {
    refuse_each(Bench::runner(), bench.request, 30, 8);
  }
}

TEST_CASE("any allocation of a tensor may fail") {
  FailingMemory::spare_this_thread();
  const Bench bench;
  refresh_memory_limit();  // our own wrapper is in place before this one is put around it
  static RefusingAllocator allocator(*c10::GetCPUAllocator());
  c10::SetCPUAllocator(&allocator, 2);
  const auto run = [&](std::int64_t number) {
    return attempt(
        Bench::runner(), bench.request,
        [&] {
          allocator.counter = 0;
          allocator.refused = number;
        },
        [&](Attempt& done) {
          done.counted = allocator.counter;
          done.refused = number > 0 && done.counted >= number ? 1 : 0;
          allocator.refused = 0;
        });
  };
  const Attempt whole = run(0);
  REQUIRE(whole.message.empty());
  REQUIRE(whole.after == whole.during);
  std::int64_t messages = 0;
  const auto numbers = chosen(whole.counted, 120);
  for (const std::int64_t number : numbers) {
    const Attempt done = run(number);
    check(done, whole.during, number);
    messages += done.message.empty() ? 0 : 1;
  }
  MESSAGE(whole.counted << " allocations of tensors, " << numbers.size() << " points tried, "
                        << messages << " with a message");
  CHECK(messages > 0);
}
