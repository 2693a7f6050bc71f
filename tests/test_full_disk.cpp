// links: headscope_app_testing
// labels: window
// A disk that is full (here: a limit on the size of files) under what the window writes: a message,
// what was there stays, and when there is room again it is written.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>

#include "app/shell/session_keeper.h"
#include "app/shell/user_files.h"
#include "core/base/file.h"
#include "core/exhibit/views.h"
#include "tests/exhibit_fixture.h"
#include "tests/messages.h"
#include "tests/temporary_folder.h"

using namespace headscope;

namespace {

/// No file may grow beyond `bytes` while it exists.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

struct Desk {
  test::TemporaryFolder folder;
  AppState state;
  PromptTabs tabs{state, nullptr};
  SessionKeeper keeper{tabs};
  double now = 10;

  Desk() {
    setenv("XDG_STATE_HOME", (folder / "state").c_str(), 1);
    setenv("XDG_CONFIG_HOME", (folder / "config").c_str(), 1);
    std::vector<std::string> problems, notes;
    state.request = test::with_tau(test::engine_request(), 0.5);
    keeper.begin(problems, notes);
    REQUIRE(problems.empty());
  }
  void change(double tau) {
    state.request.intervention.tau = tau;
    state.history.observe(state.request, false);
  }
  /// Lets time pass until the autosave of it has ended.
  void pass() {
    for (int i = 0; i < 400; ++i) {
      keeper.watch(now += 1, 5);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  double tau_on_disk() {
    const auto kept = read_autosave(session_path());
    REQUIRE((kept && *kept));
    return (*kept)->session.tabs.front().request.intervention.tau;
  }
};

}  // namespace

TEST_CASE(
    "autosave on a full disk: said once, the old one stays, and it is written when there is room") {
  Desk desk;
  desk.change(0.4);
  desk.pass();
  REQUIRE(desk.tau_on_disk() == 0.4);
  {
    const SmallDisk full(200);
    desk.change(0.3);
    desk.pass();
    const std::string problem = desk.keeper.take_problem();
    CHECK(test::contains(problem, "session.json"));
    CHECK(test::contains(problem, "File too large"));
    desk.pass();
    CHECK(desk.keeper.take_problem().empty());
    CHECK_FALSE(desk.keeper.end());
    CHECK(desk.tau_on_disk() == 0.4);
  }
  desk.pass();
  CHECK(desk.tau_on_disk() == 0.3);
}

TEST_CASE("saving, preferences and exports on a full disk: the files that were there stay") {
  Desk desk;
  const std::string file = (desk.folder / "work.headscope.json").string();
  REQUIRE(desk.keeper.save_as(file));
  REQUIRE(save_preferences({}));
  const Exhibit exhibit = answers_exhibit(test::runs()).value();
  const auto csv = desk.folder / "answers.csv";
  REQUIRE(write_exhibit(csv, exhibit, ExportFormat::csv, {}));
  const auto text = [](const std::filesystem::path& path) { return read_text_file(path).value(); };
  const std::string session_before = text(file), csv_before = text(csv);
  {
    const SmallDisk full(20);
    desk.change(0.1);
    CHECK(test::contains(test::message_of(desk.keeper.save()), "work.headscope.json"));
    CHECK(test::contains(test::message_of(save_preferences({})), "preferences.json"));
    for (const auto format : {ExportFormat::csv, ExportFormat::json, ExportFormat::png,
                              ExportFormat::svg, ExportFormat::pdf, ExportFormat::safetensors}) {
      if (!can_write(exhibit, format)) continue;
      const auto path = desk.folder / ("answers." + std::string(format_name(format)));
      CHECK(test::contains(test::message_of(write_exhibit(path, exhibit, format, {})),
                           path.string()));
    }
  }
  CHECK(text(file) == session_before);
  CHECK(text(csv) == csv_before);
  CHECK(load_preferences());
  CHECK(desk.keeper.save());
}
