// An engine on the fake runner, for tests.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "core/engine/engine.h"
#include "core/engine/fake_runner.h"

namespace headscope::test {

/// Six documents; the fifth (index 4) answers the question, its neighbours share words with it.
inline PromptRequest engine_prompt() {
  PromptRequest prompt;
  prompt.text =
      "Write a high-quality answer for the given question using only the provided search results "
      "(some of which might be irrelevant).\n\n"
      "Document [1](Title: Lighthouse of Marnow) The lighthouse keeper of Marnow painted it in "
      "crimson.\n"
      "Document [2](Title: Harbour) Ships rest in the harbour while the tide is low and quiet.\n"
      "Document [3](Title: Keeper of Tarn) The keeper of Tarn painted a lighthouse wall in "
      "indigo.\n"
      "Document [4](Title: Weather) Rain falls in autumn and the fields are under heavy water.\n"
      "Document [5](Title: Lighthouse of Velmar) The keeper of the lighthouse of Velmar painted "
      "the northern door in emerald green.\n"
      "Document [6](Title: Market) Bread and fish are sold at the market every second morning.\n\n"
      "Question: Which colour has the northern door that the keeper of the lighthouse of Velmar "
      "painted?\nAnswer:";
  prompt.gold_document = 4;
  prompt.answers = {"emerald green"};
  return prompt;
}

inline Request engine_request() {
  Request request;
  request.prompt = engine_prompt();
  return request;
}

inline Request with_tau(Request request, double tau) {
  request.intervention.tau = tau;
  return request;
}

inline Request with_alpha(Request request, double alpha) {
  request.intervention.alpha = alpha;
  return request;
}

/// Split-softmax, looked at through a head that it acts on.
inline Request edited_request() {
  Request request = with_tau(engine_request(), 0.1);
  request.selected = {5, 0};
  return request;
}

/// Waits for something that must come; false after a minute, which only a defect takes.
template <class Condition>
bool eventually(Condition condition) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

struct EngineFixture {
  explicit EngineFixture(const FakeOptions& options = {})
      : engine(fake_runner_factory(options, control), [this] { ++updates; }) {}

  bool wait_idle() {
    return eventually([&] { return engine.idle(); });
  }
  /// Submits and waits for the answer.
  std::shared_ptr<const Snapshot> answer(const Request& request) {
    engine.submit(request);
    wait_idle();
    return engine.snapshot();
  }
  int runs() const { return control->count(FakeCall::run); }

  std::shared_ptr<FakeControl> control = std::make_shared<FakeControl>();
  std::atomic<int> updates{0};
  Engine engine;
};

}  // namespace headscope::test
