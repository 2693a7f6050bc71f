// links: headscope_app_testing
// labels: window
// Exports beside the window's thread: their order, progress, cancellation, and work that fails.
#include <doctest/doctest.h>

#include <atomic>
#include <new>
#include <string>

#include "app/shell/export_job.h"
#include "tests/engine_fixture.h"

using namespace headscope;
using test::eventually;

TEST_CASE("exports run one after the other and are taken once") {
  ExportQueue queue;
  std::string order;
  for (const char* name : {"a", "b", "c"}) {
    queue.add(name,
              [&order, name](const RunContext&) -> ExportOutcome {
                order += name;
                return {false, name, "", false};
              },
              {});
  }
  std::vector<ExportOutcome> taken;
  REQUIRE(eventually([&] {
    for (ExportOutcome& outcome : queue.take()) taken.push_back(std::move(outcome));
    return taken.size() == 3;
  }));
  CHECK(order == "abc");
  CHECK(taken[2].message == "c");
  CHECK(!queue.busy());
  CHECK(queue.take().empty());
}

TEST_CASE("a long export says how far it is, and stops when it is cancelled; the next one runs") {
  ExportQueue queue;
  std::atomic<int> woken{0};
  queue.add(
      "long",
      [](const RunContext& context) -> ExportOutcome {
        context.progress("rows", 30, 100);
        const bool stopped = eventually([&] { return context.cancelled(); });
        return {!stopped, stopped ? "cancelled" : "never stopped", "", false};
      },
      [&] { ++woken; });
  queue.add("forgotten", [](const RunContext&) { return ExportOutcome{}; }, {});
  REQUIRE(eventually([&] {
    const auto view = queue.running();
    return view && view->progress.done == 30;
  }));
  const auto view = queue.running();
  CHECK(view->what == "long");
  CHECK(view->progress.what == "rows");
  CHECK(view->seconds >= 0);
  CHECK(woken > 0);
  queue.cancel();
  std::vector<ExportOutcome> taken;
  REQUIRE(eventually([&] {
    for (ExportOutcome& outcome : queue.take()) taken.push_back(std::move(outcome));
    return !queue.busy();
  }));
  REQUIRE(taken.size() == 1);  // what waited was forgotten too
  CHECK(taken[0].message == "cancelled");
  queue.add("next",
            [](const RunContext& context) {
              return ExportOutcome{context.cancelled(), "next", "", false};
            },
            {});
  REQUIRE(eventually([&] {
    taken = queue.take();
    return !taken.empty();
  }));
  CHECK(!taken[0].failed);  // the cancellation was the other one's
}

TEST_CASE("an export without memory is a message; a queue that ends does not wait for the user") {
  ExportQueue queue;
  queue.add("huge.csv", [](const RunContext&) -> ExportOutcome { throw std::bad_alloc(); }, {});
  std::vector<ExportOutcome> taken;
  REQUIRE(eventually([&] {
    taken = queue.take();
    return !taken.empty();
  }));
  CHECK(taken[0].failed);
  CHECK(taken[0].message.find("huge.csv") != std::string::npos);
  std::atomic<bool> stopped{false};
  {
    ExportQueue ends;
    ends.add("long",
             [&stopped](const RunContext& context) {
               stopped = eventually([&] { return context.cancelled(); });
               return ExportOutcome{};
             },
             {});
    REQUIRE(eventually([&] { return ends.running().has_value(); }));
  }
  CHECK(stopped);
}
