// links: headscope_app_testing
// What the window does when the system gives it no more threads: it goes on.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "app/shell/experiment_job.h"
#include "app/shell/export_job.h"
#include "core/base/in_background.h"
#include "core/engine/latest_worker.h"
#include "core/engine/without_exceptions.h"

using namespace headscope;

namespace {

std::atomic<bool> refused{false};

// No thread begins as long as it lives.
struct NoThreads {
  NoThreads() { refused = true; }
  ~NoThreads() { refused = false; }
};

}  // namespace

// Before the system's own: the program exports it (tests/CMakeLists.txt).
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                              void* (*begin)(void*), void* argument) {
  if (refused) return EAGAIN;
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(::dlsym(RTLD_NEXT, "pthread_create"));
  return create(thread, attributes, begin, argument);
}

TEST_CASE("work in the background is done at once where no thread is to be had") {
  const auto caller = std::this_thread::get_id();
  const auto where = [] { return std::this_thread::get_id(); };
  CHECK(in_background(where).get() != caller);
  const NoThreads none;
  CHECK(in_background(where).get() == caller);
}

TEST_CASE("a worker's next job tries again") {
  LatestWorker<int, int> worker([](int job, const auto&) { return std::optional(2 * job); });
  {
    const NoThreads none;
    worker.submit(1, {});
    CHECK_FALSE(worker.busy());
    CHECK_FALSE(worker.take());
  }
  std::atomic<bool> done{false};
  worker.submit(2, [&] { done = true; });
  while (!done) std::this_thread::yield();
  CHECK(worker.take() == std::optional(std::pair(2, 4)));
}

TEST_CASE("an export says why it is not there, and the next one is") {
  ExportQueue queue;
  const auto work = [](const RunContext&) { return ExportOutcome{false, "written", "", false}; };
  {
    const NoThreads none;
    queue.add("heads.png", work, {});
    CHECK(queue.busy());  // there is something to take
    const auto outcomes = queue.take();
    REQUIRE(outcomes.size() == 1);
    CHECK(outcomes[0].failed);
    CHECK(outcomes[0].message.find("heads.png: the system has no thread") == 0);
    CHECK_FALSE(queue.busy());
  }
  queue.add("heads.png", work, {});
  std::vector<ExportOutcome> outcomes;
  while (outcomes.empty()) outcomes = queue.take();
  CHECK(outcomes[0].message == "written");
}

TEST_CASE("an experiment fails with a message") {
  const NoThreads none;
  const ExperimentJob job("headscope-cli", {}, {}, {});
  CHECK(job.view().state == ExperimentJob::State::failed);
  CHECK(job.view().message.find("no thread") != std::string::npos);
}

TEST_CASE("what no one catches is told in words") {
  const NoThreads none;
  const Result<> ended = without_exceptions([]() -> Result<> {
    std::thread([] {}).join();
    return {};
  });
  REQUIRE_FALSE(ended);
  CHECK(ended.error().kind == ErrorKind::out_of_memory);
  CHECK(ended.error().message.find("memory for another thread") != std::string::npos);
}
