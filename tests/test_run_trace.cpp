// links: headscope_exhibit headscope_engine
// The profiler's record: bounded, ordered, nested, across threads; what the engine leaves in it,
// and what leaves the program. Meant to run under ThreadSanitizer too.
#include "core/base/run_trace.h"

#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <stdexcept>
#include <thread>

#include "core/base/file.h"
#include "core/engine/neighbours.h"
#include "core/engine/trace_report.h"
#include "core/exhibit/trace_view.h"
#include "tests/engine_fixture.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using namespace headscope::test;

namespace {

constexpr TraceLane kCompute = TraceLane::compute;

TraceSpan span_from(std::int64_t begin, std::int64_t end, const char* name = "") {
  TraceSpan span;
  span.begin = begin;
  span.end = end;
  span.name = name;
  return span;
}

FakeOptions restarting() {
  FakeOptions options;
  options.restarts = true;
  return options;
}

/// An engine whose trace is recorded, with the unedited answer there.
struct Recorded : EngineFixture {
  Recorded() : EngineFixture(restarting()) {
    engine.trace().record(true);
    answer(engine_request());
  }
  AnswerWork newest() {
    const auto work = newest_answer(engine.trace().spans(kCompute));
    REQUIRE(work);
    return *work;
  }
  int layers() { return engine.snapshot()->model->layers; }
  std::int64_t rows() { return engine.snapshot()->prompt->prompt_tokens() - 1; }
};

std::vector<TraceSpan> inside(const std::vector<TraceSpan>& spans, const TraceSpan& outer,
                              TraceKind kind) {
  std::vector<TraceSpan> found;
  for (const TraceSpan& span : spans) {
    if (span.kind == kind && span.begin >= outer.begin && span.end <= outer.end)
      found.push_back(span);
  }
  return found;
}

}  // namespace

TEST_CASE("while nobody records, nothing is kept and nothing is found") {
  RunTrace trace;
  const Tracer tracer{&trace, kCompute, 1};
  {
    const TimedSpan off(&tracer, TraceKind::token, "token");
    CHECK_FALSE(off.active());
    CHECK(off.span.begin == 0);
    trace.record(true);  // begun before: not recorded
  }
  CHECK(trace.spans(kCompute).empty());
  {
    const TimedSpan on(&tracer, TraceKind::token, "token");
    CHECK(on.active());
    trace.record(false);  // ended after: not recorded
  }
  trace.add(span_from(1, 2));
  CHECK(trace.spans(kCompute).empty());
  CHECK(trace.version(kCompute) == 0);
  const TimedSpan nobody(nullptr, TraceKind::token, "token");
  CHECK_FALSE(nobody.active());
  CHECK(tracer_of(RunContext{}) == nullptr);
  RunContext plain;
  plain.on_progress = [](const Progress&) {};
  CHECK(tracer_of(plain) == nullptr);
}

TEST_CASE("the record is bounded, lane by lane, and the oldest spans go first") {
  RunTrace trace;
  trace.record(true);
  for (const auto lane : {TraceLane::compute, TraceLane::window}) {
    const auto most = static_cast<std::int64_t>(RunTrace::most_of(lane));
    for (std::int64_t i = 0; i < most + 50; ++i) {
      TraceSpan span = span_from(i, i + 1);
      span.lane = lane;
      trace.add(span);
    }
    const auto spans = trace.spans(lane);
    REQUIRE(std::ssize(spans) == most);
    CHECK(spans.front().begin == 50);
    CHECK(spans.back().begin == most + 49);
    CHECK(trace.version(lane) == static_cast<std::uint64_t>(most + 50));
  }
  CHECK(trace.spans(TraceLane::preview).empty());
  trace.clear();
  CHECK(trace.spans(TraceLane::compute).empty());
}

TEST_CASE("spans nest as they were begun, and what an exception ends is cut") {
  RunTrace trace;
  trace.record(true);
  const Tracer tracer{&trace, TraceLane::preview, 7};
  {
    const TimedSpan outer(&tracer, TraceKind::answer, "outer");
    for (const char* name : {"first", "second"}) {
      const TimedSpan middle(&tracer, TraceKind::prefill, name);
      const TimedSpan inner(&tracer, TraceKind::layer, "inner");
    }
    try {
      const TimedSpan thrown(&tracer, TraceKind::token, "thrown");
      throw std::runtime_error("cancelled");
    } catch (const std::runtime_error&) {
      const TimedSpan after(&tracer, TraceKind::token, "after");
    }
  }
  const auto spans = trace.spans(TraceLane::preview);
  std::vector<std::string> ended;
  for (const TraceSpan& span : spans) ended.push_back(span.name);
  CHECK(ended ==
        std::vector<std::string>{"inner", "first", "inner", "second", "thrown", "after", "outer"});
  const TraceRows rows = trace_rows(spans);
  std::vector<std::pair<std::string, int>> placed;
  for (std::size_t i = 0; i < rows.spans.size(); ++i) {
    const TraceSpan& span = rows.spans[i];
    placed.emplace_back(span.name, rows.depth[i]);
    CHECK(span.request == 7);
    CHECK(span.begin <= span.end);
    CHECK(span.cut == (span.name == "thrown"));
  }
  CHECK(placed == std::vector<std::pair<std::string, int>>{{"outer", 0},
                                                           {"first", 1},
                                                           {"inner", 2},
                                                           {"second", 1},
                                                           {"inner", 2},
                                                           {"thrown", 1},
                                                           {"after", 1}});
  CHECK(rows.rows == 3);
}

TEST_CASE("of spans of the same time, the one that ended later is around the other") {
  const TraceRows rows =
      trace_rows({span_from(5, 9, "in"), span_from(5, 9, "out"), span_from(9, 9, "mark")});
  REQUIRE(rows.spans.size() == 3);
  CHECK(rows.spans[0].name == "out");
  CHECK(rows.depth == std::vector<int>{0, 1, 0});
}

TEST_CASE("many threads write while one reads; each one's spans keep their order") {
  RunTrace trace;
  trace.record(true);
  constexpr int each = 300;
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done) {
      for (const TraceSpan& span : trace.spans(kCompute)) CHECK(span.begin <= span.end);
    }
  });
  std::vector<std::thread> writers;
  for (std::uint64_t writer = 1; writer <= 3; ++writer) {
    writers.emplace_back([&trace, writer] {
      const Tracer tracer{&trace, kCompute, writer};
      for (int i = 0; i < each; ++i) {
        TimedSpan span(&tracer, TraceKind::token, "a name that does not fit into a short string");
        span.span.number = i;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  done = true;
  reader.join();
  std::map<std::uint64_t, int> next;
  for (const TraceSpan& span : trace.spans(kCompute)) CHECK(span.number == next[span.request]++);
  CHECK(next == std::map<std::uint64_t, int>{{1, each}, {2, each}, {3, each}});
}

TEST_CASE("a context carries the tracer, and its span lasts as long as it does") {
  RunTrace trace;
  trace.record(true);
  double shown = 0;
  {
    RunContext context;
    context.on_progress = TracedProgress{
        [&shown](const Progress& progress) { shown = progress.done; },
        std::make_shared<TracedWork>(Tracer{&trace, kCompute, 3}, TraceKind::answer, "answer")};
    const RunContext copy = context;
    context.progress("prefill", 4, 8);
    REQUIRE(tracer_of(copy) != nullptr);
    CHECK(tracer_of(copy) == tracer_of(context));
    CHECK(tracer_of(copy)->request == 3);
    CHECK(trace.spans(kCompute).empty());
  }
  CHECK(shown == 4);
  REQUIRE(trace.spans(kCompute).size() == 1);
  CHECK(trace.spans(kCompute)[0].name == "answer");
}

TEST_CASE("a slider's run is traced from its first touched layer on; the layers below are reused") {
  Recorded f;
  const AnswerWork baseline = f.newest();
  CHECK(baseline.first_layer == 0);
  CHECK(baseline.reused == 0);
  CHECK(baseline.computed == f.layers() * f.rows());
  CHECK(baseline.answer.name == "answer (baseline)");

  const auto snapshot = f.answer(with_tau(engine_request(), 0.1));
  const RunResult& run = *snapshot->intervened;
  int touched = f.layers();
  for (const HeadId head : run.touched) touched = std::min(touched, head.layer);
  REQUIRE(touched > 0);
  const AnswerWork work = f.newest();
  CHECK(work.answer.request == snapshot->request_id);
  CHECK(work.answer.name == "answer (intervened)");
  CHECK_FALSE(work.answer.cut);
  CHECK(work.first_layer == touched);
  CHECK(work.layers == f.layers());
  CHECK(work.reused == touched * f.rows());
  CHECK(work.computed + work.reused == f.layers() * f.rows());
  CHECK(work.tokens == std::ssize(run.response));
  CHECK(work.prefill_seconds + work.token_seconds + work.read_back_seconds <=
        work.answer.seconds());
  CHECK(work.answer.seconds() >= run.seconds);
  const auto spans = f.engine.trace().spans(kCompute);
  const auto layers = inside(spans, work.answer, TraceKind::layer);
  REQUIRE(std::ssize(layers) == f.layers() - touched);
  std::int64_t rows = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    CHECK(layers[i].number == touched + static_cast<int>(i));
    rows += layers[i].computed;
  }
  CHECK(rows == work.computed);
  CHECK(in_words(work).starts_with("answer (intervened): restarted at layer " +
                                   std::to_string(touched) + " of " + std::to_string(f.layers()) +
                                   ": "));
  CHECK(in_words(work).find(std::to_string(run.response.size()) + " tokens ") != std::string::npos);
}

TEST_CASE("settings seen before are reused whole, and so is the unedited answer") {
  Recorded f;
  const auto first = f.answer(with_tau(engine_request(), 0.1))->intervened;
  f.answer(with_tau(engine_request(), 0.5));
  const int runs = f.runs();
  const auto again = f.answer(with_tau(engine_request(), 0.1));
  CHECK(f.runs() == runs);
  AnswerWork work = f.newest();
  CHECK(work.seen);
  CHECK(work.answer.request == again->request_id);
  CHECK(work.answer.saved_seconds == first->seconds);
  CHECK(work.answer.reused == first->layers * first->keys);
  CHECK(work.answer.bytes > first->span_sums.size() * sizeof(float));
  CHECK(in_words(work).starts_with("answer (intervened): was there, nothing computed; "));

  const auto spans = f.engine.trace().spans(kCompute).size();
  f.answer(with_tau(engine_request(), 0.1));  // shown already: nothing happened
  CHECK(f.engine.trace().spans(kCompute).size() == spans);
  const auto unedited = f.answer(engine_request());
  work = f.newest();
  CHECK(work.seen);
  CHECK(work.answer.request == unedited->request_id);
  CHECK(work.answer.saved_seconds == unedited->baseline->seconds);
}

TEST_CASE("what is computed ahead is traced as that, and told when it is used") {
  Recorded f;
  ReuseOptions options;
  options.neighbours = true;
  options.rest = std::chrono::milliseconds(0);
  f.engine.set_reuse(options);
  auto request = with_tau(engine_request(), 0.3);
  f.answer(request);
  REQUIRE(eventually([&] { return f.engine.snapshot()->reuse.neighbours > 0; }));
  const auto spans = f.engine.trace().spans(kCompute);
  int ahead = 0;
  for (const TraceSpan& span : spans) {
    if (span.kind != TraceKind::ahead || span.cut) continue;
    ++ahead;
    CHECK(span.request == 0);
    CHECK(inside(spans, span, TraceKind::prefill).size() == 1);
  }
  CHECK(ahead == f.engine.snapshot()->reuse.neighbours);
  CHECK(f.newest().answer.name == "answer (intervened)");

  const int runs = f.runs();
  options.neighbours = false;
  f.engine.set_reuse(options);
  request.intervention = neighbours_of(request.intervention, {}, 64).front();
  f.answer(request);
  CHECK(f.runs() == runs);
  CHECK(f.newest().seen);
  CHECK(f.newest().answer.name == "answer (computed ahead)");
}

TEST_CASE("maps and previews are traced, and a map that is kept is not computed again") {
  Recorded f;
  auto request = with_tau(engine_request(), 0.1);
  request.want_full_map = true;
  f.answer(request);
  const auto count = [&](const char* name) {
    int found = 0;
    for (const TraceSpan& span : f.engine.trace().spans(kCompute))
      found += span.name == name ? 1 : 0;
    return found;
  };
  CHECK(count("attention map (intervened)") == 1);
  CHECK(count("seen map") == 0);
  request.selected = {1, 1};
  f.answer(request);
  CHECK(count("attention map (intervened)") == 2);
  request.selected = {};
  f.answer(request);
  CHECK(count("attention map (intervened)") == 2);
  CHECK(count("seen map") == 2);  // of both runs
  const auto previews = f.engine.trace().spans(TraceLane::preview);
  REQUIRE_FALSE(previews.empty());
  CHECK(previews[0].kind == TraceKind::preview);
  CHECK(previews[0].request > 0);
}

TEST_CASE("a run that a newer request stops is marked as given up") {
  Recorded f;
  f.control->hold(FakeCall::run);
  const auto stale = f.engine.submit(with_tau(engine_request(), 0.1));
  REQUIRE(f.control->wait_held());
  const auto newest = f.engine.submit(with_tau(engine_request(), 0.2));
  f.control->release();
  REQUIRE(f.wait_idle());
  std::map<std::uint64_t, bool> cut;
  for (const TraceSpan& span : f.engine.trace().spans(kCompute))
    if (span.kind == TraceKind::answer) cut[span.request] = span.cut;
  CHECK(cut.at(stale));
  CHECK_FALSE(cut.at(newest));
}

TEST_CASE("an engine that nobody watches leaves nothing") {
  EngineFixture f(restarting());
  f.answer(engine_request());
  f.answer(with_tau(engine_request(), 0.1));
  for (int lane = 0; lane < trace_lanes; ++lane)
    CHECK(f.engine.trace().version(static_cast<TraceLane>(lane)) == 0);
}

TEST_CASE("the record leaves as a table, a figure and events that Perfetto opens") {
  Recorded f;
  const auto snapshot = f.answer(with_tau(engine_request(), 0.1));
  auto spans = f.engine.trace().spans(kCompute);
  const auto previews = f.engine.trace().spans(TraceLane::preview);
  spans.insert(spans.end(), previews.begin(), previews.end());
  const AnswerWork newest = f.newest();
  const auto exhibit = trace_exhibit(spans, {newest.answer.begin, newest.answer.end}, Origin{});
  REQUIRE(exhibit);
  CHECK(exhibit->table.rows == spans.size());
  const TemporaryFolder folder;
  for (const auto format : {ExportFormat::csv, ExportFormat::json, ExportFormat::svg}) {
    const auto path = folder / ("profile." + std::string(format_name(format)));
    const auto written = write_exhibit(path, *exhibit, format, {});
    CHECK_MESSAGE(written, (written ? "" : written.error().message));
  }
  const auto csv = read_text_file(folder / "profile.csv");
  REQUIRE(csv);
  CHECK(std::count(csv->begin(), csv->end(), '\n') == std::ssize(spans) + 1);
  const auto svg = read_text_file(folder / "profile.svg");
  REQUIRE(svg);
  CHECK(svg->find("class=\"reused\"") != std::string::npos);
  CHECK(svg->find("class=\"span\"") != std::string::npos);

  const auto json = read_json_file(folder / "profile.json");
  REQUIRE(json);
  std::map<int, std::string> threads;
  std::map<int, std::vector<std::pair<double, double>>> slices;
  std::int64_t computed = 0, reused = 0;
  for (const Json& event : json->at("traceEvents")) {
    if (event.at("ph") == "M") {
      if (event.at("name") == "thread_name") threads[event.at("tid")] = event["args"]["name"];
      continue;
    }
    CHECK(event.at("ph") == "X");
    const double begin = event.at("ts"), length = event.at("dur");
    CHECK(begin >= 0);
    slices[event.at("tid")].emplace_back(begin, begin + length);
    if (event.at("cat") != "prefill" || event["args"]["request"] != snapshot->request_id) continue;
    computed += event["args"].value("computed_rows_x_layers", std::int64_t{0});
    reused += event["args"].value("reused_rows_x_layers", std::int64_t{0});
  }
  CHECK(threads == std::map<int, std::string>{{1, "compute"}, {2, "preview"}, {3, "window"}});
  CHECK(computed == newest.computed);
  CHECK(reused == newest.reused);
  // Slices of one thread lie inside or beside each other, as the format asks for. Times in
  // microseconds round at the thousandth.
  for (const auto& [thread, all] : slices) {
    for (const auto& a : all) {
      for (const auto& b : all) {
        const bool overlaps =
            a.first < b.first - 0.002 && b.first < a.second - 0.002 && a.second < b.second - 0.002;
        CHECK_FALSE(overlaps);
      }
    }
  }
  CHECK_FALSE(trace_exhibit({}, {}, Origin{}));
}
