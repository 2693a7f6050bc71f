// links: headscope_app_testing
// kill -9 while sessions are saved: HEADSCOPE_KILLS of them (12), at moments of HEADSCOPE_SEED.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include "app/shell/session_file.h"
#include "core/base/rng.h"
#include "tests/engine_fixture.h"
#include "tests/temporary_folder.h"

using namespace headscope;

namespace {

std::uint64_t number(const char* variable, std::uint64_t otherwise) {
  const char* value = std::getenv(variable);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

/// Two sessions of different lengths.
SessionRecord session(bool large) {
  TabRecord tab;
  tab.name = large ? "large" : "small";
  tab.request = test::with_tau(test::engine_request(), large ? 0.2 : 0.7);
  if (large) tab.request.prompt.text += std::string(200'000, 'x');
  return SessionRecord{std::vector<TabRecord>(large ? 3 : 1, tab), 0, std::nullopt};
}

[[noreturn]] void save_for_ever(const std::filesystem::path& file,
                                const std::filesystem::path& kept) {
  const SessionRecord records[] = {session(false), session(true)};
  for (std::size_t i = 0;; ++i) {
    const auto& record = records[i % 2];
    if (!write_session(file, record)) _exit(1);
    if (!write_autosave(kept, {record, file.string(), i % 3 == 0, false})) _exit(1);
  }
}

std::size_t hidden_files(const std::filesystem::path& folder) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    count += entry.path().filename().string().starts_with(".") ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("whatever moment SIGKILL hits, the session is the old one or the new one") {
  const auto kills = number("HEADSCOPE_KILLS", 12);
  const auto seed = number(
      "HEADSCOPE_SEED",
      static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()));
  CAPTURE(seed);
  Rng rng(seed);
  const test::TemporaryFolder folder;
  const auto file = folder / "work.headscope.json", kept = folder / "session.json";
  const SessionRecord small = session(false), large = session(true);
  REQUIRE(write_session(file, small));
  REQUIRE(write_autosave(kept, {small, "", false, false}));
  for (std::uint64_t i = 0; i < kills; ++i) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) save_for_ever(file, kept);
    std::this_thread::sleep_for(std::chrono::microseconds(rng.below(30'000)));
    REQUIRE(::kill(child, SIGKILL) == 0);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));  // it did not end by an error of its own
    const auto read = read_session(file);
    REQUIRE_MESSAGE(read.has_value(), (read ? "" : read.error().message));
    CHECK((*read == small || *read == large));
    const auto autosave = read_autosave(kept);
    REQUIRE((autosave.has_value() && autosave->has_value()));
    CHECK(((*autosave)->session == small || (*autosave)->session == large));
  }
  // What the killed ones left goes with the next writing.
  REQUIRE(write_session(file, large));
  REQUIRE(write_autosave(kept, {large, "", false, true}));
  CHECK(hidden_files(folder.path()) == 0);
}
