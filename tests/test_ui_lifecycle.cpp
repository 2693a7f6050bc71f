// links: headscope_app_testing
// labels: ui
// From start to end of the whole window: what it remembers.
#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "app/shell/run_window.h"
#include "app/shell/session_file.h"
#include "app/shell/user_files.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"
#include "tests/ui_fixture.h"

using namespace headscope;

namespace {

Result<QaSample> sample(const SampleWish&) {
  QaSample made;
  made.question = "What colour is the gate of Orlen?";
  made.answers = {"violet"};
  made.documents = {{"Gate of Orlen", "The gate of Orlen is violet.", true, true}};
  return made;
}

}  // namespace

TEST_CASE(
    "a window that is told to end saves preferences, layout and session, and starts again with "
    "them") {
  if (!test::has_display()) SKIP_TEST("no display: run through packaging/with_display.sh");
  const test::TemporaryFolder folder;
  setenv("XDG_CONFIG_HOME", (folder / "config").c_str(), 1);
  setenv("XDG_STATE_HOME", (folder / "state").c_str(), 1);
  RunOptions options;
  options.builtin_font = true;
  options.theme = "contrast";
  const auto run = [&] {
    std::thread ending([] {
      sigset_t none_of_mine;  // else the signal ends in this thread
      sigemptyset(&none_of_mine);
      sigaddset(&none_of_mine, SIGTERM);
      pthread_sigmask(SIG_BLOCK, &none_of_mine, nullptr);
      std::this_thread::sleep_for(std::chrono::seconds(3));
      kill(getpid(), SIGTERM);
    });
    const int code = run_window(options, {fake_runner_factory(), sample});
    ending.join();
    return code;
  };
  CHECK(run() == 0);
  const auto preferences = load_preferences();
  REQUIRE(preferences.has_value());
  CHECK(preferences->theme == ThemeKind::contrast);
  CHECK(std::filesystem::file_size(layout_path()) > 100);
  auto session = read_autosave(session_path());
  REQUIRE((session.has_value() && session->has_value()));
  CHECK((*session)->ended);
  REQUIRE((*session)->session.tabs.size() == 1);
  Request& request = (*session)->session.tabs[0].request;
  CHECK(request.prompt.answers == std::vector<std::string>{"violet"});
  request.intervention.tau = 0.77;
  (*session)->session.tabs.push_back((*session)->session.tabs[0]);
  (*session)->session.tabs[1].name = "second";
  REQUIRE(write_autosave(session_path(), **session).has_value());
  options.theme.clear();
  CHECK(run() == 0);
  session = read_autosave(session_path());
  REQUIRE((session.has_value() && session->has_value()));
  REQUIRE((*session)->session.tabs.size() == 2);
  CHECK((*session)->session.tabs[0].request.intervention.tau == 0.77);
  CHECK((*session)->session.tabs[1].name == "second");
  CHECK(load_preferences()->theme == ThemeKind::contrast);

  // A file named on the command line is opened as what it is, as a desktop's double click does.
  (*session)->session.tabs[0].request.intervention.tau = 0.55;
  options.file = folder / "mine.headscope.json";
  REQUIRE(write_session(options.file, (*session)->session).has_value());
  CHECK(run() == 0);
  session = read_autosave(session_path());
  REQUIRE((session.has_value() && session->has_value()));
  CHECK((*session)->file == options.file);
  CHECK((*session)->session.tabs[0].request.intervention.tau == 0.55);
}
