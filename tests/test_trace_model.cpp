// links: headscope_runner headscope_demo_world
// timeout: 240
// What the embedded model computed and reused adds up to the whole, as its trace tells.
#include <doctest/doctest.h>

#include "core/base/run_trace.h"
#include "core/engine/trace_report.h"
#include "core/model/prompt_store.h"
#include "core/runner/model_runner.h"
#include "core/text/prompt.h"
#include "tests/engine_fixture.h"
#include "tests/random_demo_model.h"

using namespace headscope;
using test::eventually;

namespace {

constexpr TraceLane kCompute = TraceLane::compute;

Request demo_request(int documents) {
  const QaSample sample = test::demo_test_sample(3, documents);
  Request request;
  request.prompt.text = build_prompt(sample).text;
  request.prompt.gold_document = static_cast<int>(*sample.gold_position());
  request.prompt.answers = sample.answers;
  request.max_new_tokens = 6;
  request.threads = 1;
  return request;
}

InterventionSettings touching(int layer) {
  InterventionSettings settings;
  settings.tau = 0.1;
  settings.choice = HeadChoice::picked;
  settings.picked = {{layer, 0}};
  return settings;
}

struct DemoEngine {
  Engine engine{[]() -> Result<std::unique_ptr<Runner>> { return std::make_unique<ModelRunner>(); },
                [] {}};

  std::shared_ptr<const Snapshot> answer(const Request& request) {
    engine.submit(request);
    REQUIRE(eventually([&] { return engine.idle(); }));
    const auto snapshot = engine.snapshot();
    REQUIRE_MESSAGE(!snapshot->status.error,
                    (snapshot->status.error ? snapshot->status.error->message : ""));
    return snapshot;
  }
};

/// Rows of layers whose attention and MLP ran inside `outer`, counted layer by layer.
std::int64_t rows_in_layers(const std::vector<TraceSpan>& spans, const TraceSpan& outer) {
  std::int64_t rows = 0;
  for (const TraceSpan& span : spans) {
    if (span.kind == TraceKind::layer && span.begin >= outer.begin && span.end <= outer.end)
      rows += span.computed;
  }
  return rows;
}

}  // namespace

TEST_CASE("rows x layers computed and reused are the whole prompt, wherever a run restarts") {
  DemoEngine demo;
  demo.engine.trace().record(true);
  const Request request = demo_request(20);
  const auto first = demo.answer(request);
  const int layers = first->model->layers;
  const std::int64_t rows = first->prompt->prompt_tokens() - 1;
  const auto newest = [&] {
    const auto work = newest_answer(demo.engine.trace().spans(kCompute));
    REQUIRE(work);
    return *work;
  };
  // The last layer's attention serves no other row (PromptWork).
  const std::int64_t whole = (layers - 1) * rows;
  AnswerWork work = newest();
  CHECK(work.answer.name == "answer (baseline)");
  CHECK(work.first_layer == 0);
  CHECK(work.reused == 0);
  CHECK(work.computed == whole);

  for (int layer = 0; layer < layers; ++layer) {
    CAPTURE(layer);
    Request moved = request;
    moved.intervention = touching(layer);
    const auto snapshot = demo.answer(moved);
    const RunResult& run = *snapshot->intervened;
    REQUIRE(run.touched.size() == 1);
    work = newest();
    CHECK(work.answer.name == "answer (intervened)");
    CHECK(work.answer.request == snapshot->request_id);
    // A run that touches the last layer alone leaves every other one as it was.
    CHECK(work.first_layer == (layer == layers - 1 ? layers : std::min(layer, layers - 2)));
    CHECK(work.computed + work.reused == whole);
    CHECK(work.reused == std::min<std::int64_t>(work.first_layer * rows, whole));
    const auto spans = demo.engine.trace().spans(kCompute);
    for (const TraceSpan& span : spans) {
      if (span.kind != TraceKind::prefill || span.request != snapshot->request_id) continue;
      CHECK(rows_in_layers(spans, span) == work.computed);
      CHECK(span.rows == rows);
      CHECK((span.bytes > 0) == (work.first_layer > 0));
      // Keys and values of every layer below in fp32, and the residual stream.
      const ModelInfo& model = *snapshot->model;
      const auto kept = std::uint64_t{8} * model.kv_heads * model.head_dim * rows *
                        static_cast<std::uint64_t>(work.first_layer);
      CHECK(span.bytes >= kept);
    }
    CHECK(work.tokens == std::ssize(run.response));
    CHECK(work.answer.seconds() >= run.seconds);
    CHECK(work.prefill_seconds + work.token_seconds <= work.answer.seconds());
  }
}

TEST_CASE("loading, tokens and read-back of the embedded model are in the trace") {
  DemoEngine demo;
  demo.engine.trace().record(true);
  Request request = demo_request(4);
  request.intervention = touching(1);
  request.want_full_map = true;
  const auto snapshot = demo.answer(request);
  std::map<std::string, int> names;
  for (const TraceSpan& span : demo.engine.trace().spans(kCompute)) {
    ++names[span.name];
    CHECK_FALSE(span.cut);
  }
  for (const char* name :
       {"starting", "loading model", "weights", "self-check", "reading prompt", "answer (baseline)",
        "answer (intervened)", "attention map (intervened)", "attention map (baseline)"}) {
    CHECK_MESSAGE(names[name] == 1, name);
  }
  CHECK(names["prefill"] >= 2);
  CHECK(names["read-back"] >= 2);
  CHECK(names["token"] >=
        std::ssize(snapshot->baseline->response) + std::ssize(snapshot->intervened->response));
}
