// links: headscope_engine
// What a run will take: said in words, published before the run, and what is kept follows the wish.
#include <doctest/doctest.h>

#include "core/base/units.h"
#include "core/engine/outlook.h"
#include "tests/engine_fixture.h"

using namespace headscope;
using namespace headscope::test;

namespace {

constexpr double kGibibyte = 1024.0 * 1024 * 1024;

RunOutlook large_outlook() {
  RunOutlook outlook;
  outlook.prompt_tokens = 4096;
  outlook.new_tokens = 100;
  outlook.free_bytes = 3 * kGibibyte;
  outlook.spans = {0.5 * kGibibyte, 40, true};
  outlook.rows = {6 * kGibibyte, 50, false};
  return outlook;
}

Request keeping(KeepAttention keep) {
  Request request = engine_request();
  request.keep = keep;
  return request;
}

}  // namespace

TEST_CASE("amounts as people read them") {
  CHECK(count_text(0) == "0");
  CHECK(count_text(999) == "999");
  CHECK(count_text(4096) == "4,096");
  CHECK(count_text(-1234567) == "-1,234,567");
  CHECK(memory_text(3.1 * kGibibyte) == "3.1 GiB");
  CHECK(memory_text(512.0 * 1024) == "0.5 MiB");
  CHECK(duration_text(0.2) == "under 1 s");
  CHECK(duration_text(40) == "about 40 s");
  CHECK(duration_text(89.4) == "about 89 s");
  CHECK(duration_text(200) == "about 3 min");
  CHECK(duration_text(3600 * 5) == "about 5 h");
}

TEST_CASE("what does not fit is refused with what would") {
  RunOutlook outlook = large_outlook();
  CHECK(require_room_for(outlook));
  outlook.chosen = KeepAttention::rows;
  const auto rows = require_room_for(outlook);
  REQUIRE_FALSE(rows);
  CHECK(rows.error().kind == ErrorKind::out_of_memory);
  for (const char* part :
       {"rows of 4,196 tokens", "6.0 GiB", "3.0 GiB", "span sums need 512.0 MiB"})
    CHECK_MESSAGE(rows.error().message.find(part) != std::string::npos, rows.error().message);
  outlook.chosen = KeepAttention::spans;
  outlook.spans = {12 * kGibibyte, 40, false};
  const auto sums = require_room_for(outlook);
  REQUIRE_FALSE(sums);  // a quarter of it is free: so is the length that fits
  CHECK_MESSAGE(
      sums.error().message.find("about 1,024 prompt tokens would fit") != std::string::npos,
      sums.error().message);
}

TEST_CASE("only a long run comes with advice") {
  RunOutlook outlook = large_outlook();
  CHECK(long_run_advice(outlook.of_run()).empty());
  outlook.spans.seconds = 300;
  const std::string advice = long_run_advice(outlook.of_run());
  for (const char* part : {"shorter prompt", "response rows only", "smaller model"})
    CHECK(advice.find(part) != std::string::npos);
  CHECK(estimate_text({2 * kGibibyte, 300, true}) == "2.0 GiB, about 5 min");
  CHECK(estimate_text({2 * kGibibyte, 0, true}) == "2.0 GiB");
}

TEST_CASE("the outlook is there before the run begins") {
  EngineFixture fixture;
  fixture.control->hold(FakeCall::run);
  fixture.engine.submit(engine_request());
  REQUIRE(fixture.control->wait_held());
  const auto snapshot = fixture.engine.snapshot();
  REQUIRE(snapshot->outlook);
  CHECK_FALSE(snapshot->baseline);
  CHECK(snapshot->outlook->prompt_tokens == snapshot->prompt->prompt_tokens());
  fixture.control->release();
  CHECK(fixture.wait_idle());
}

TEST_CASE("what is kept follows the wish, and nothing is run twice for less") {
  EngineFixture fixture;
  auto snapshot = fixture.answer(keeping(KeepAttention::spans));
  CHECK(snapshot->outlook->chosen == KeepAttention::spans);
  CHECK(snapshot->baseline->weights.empty());
  CHECK(fixture.runs() == 1);
  snapshot = fixture.answer(keeping(KeepAttention::automatic));  // rows fit: they are kept now
  CHECK(snapshot->outlook->chosen == KeepAttention::rows);
  CHECK_FALSE(snapshot->baseline->weights.empty());
  CHECK(fixture.runs() == 2);
  fixture.answer(keeping(KeepAttention::rows));
  fixture.answer(keeping(KeepAttention::spans));  // more than enough is there
  CHECK(fixture.runs() == 2);
}

TEST_CASE("without room for rows the automatic choice is span sums") {
  FakeOptions options;
  options.weights_budget = 1000;
  EngineFixture fixture(options);
  const auto snapshot = fixture.answer(keeping(KeepAttention::automatic));
  CHECK(snapshot->outlook->chosen == KeepAttention::spans);
  CHECK_FALSE(snapshot->outlook->rows.fits);
  CHECK(snapshot->baseline->weights.empty());
  CHECK_FALSE(snapshot->baseline->span_sums.empty());
}

TEST_CASE("another prompt has another outlook") {
  EngineFixture fixture;
  const auto first = fixture.answer(engine_request())->outlook;
  Request longer = engine_request();
  longer.prompt.text += " " + longer.prompt.text.str();
  const auto second = fixture.answer(longer)->outlook;
  REQUIRE(first);
  REQUIRE(second);
  CHECK(second->prompt_tokens > first->prompt_tokens);
  CHECK(second->rows.bytes > first->rows.bytes);
}
