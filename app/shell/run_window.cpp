#include "app/shell/run_window.h"

#include <imgui.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <utility>
#include <vector>

#include "app/render/png.h"
#include "app/shell/app.h"
#include "app/shell/frame_pace.h"
#include "app/shell/layout.h"
#include "app/shell/user_files.h"
#include "app/shell/window.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/platform.h"
#include "core/base/run_trace.h"
#include "core/base/signal_watch.h"
#include "core/engine/without_exceptions.h"

namespace headscope {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kProgressInterval = 0.05;
constexpr int kSettlingFrames = FramePace::settling_frames;

void complain(const Error& error) {
  std::fprintf(stderr, "headscope: %s\n", error.message.c_str());
}

double seconds_since(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

// A first picture that shows something: split-softmax on the heads that matter, on a fixed sample.
void first_request(AppState& state) {
  state.request.intervention.tau = 0.1;
  if (state.sample_source) state.new_sample();
}

class Session {
 public:
  Session(const RunOptions& options, const Parts& parts) : options_(options), parts_(parts) {}
  int run();

 private:
  // Nobody sits before it: user files are neither read nor written.
  bool unattended() const {
    return !options_.screenshot.empty() || options_.measure_idle > 0 || options_.measure_start;
  }
  void load_user_files();
  void restore_session(App& app);
  void fill_request(App& app);
  void find_lessons(App& app);
  void apply_options(App& app);
  void draw(App& app);
  void wait_for_work(const App& app, double longest);
  int loop(App& app, double seconds);
  int measure_idle(App& app);
  int measure_start(App& app);
  Engine::RunnerFactory noting_moments(Engine::RunnerFactory make);
  int take_screenshot(App& app);
  void save_user_files(App& app);
  void save_picture(App& app);

  const RunOptions& options_;
  const Parts& parts_;
  Preferences preferences_;
  std::vector<Error> problems_;
  std::unique_ptr<Window> window_;
  std::unique_ptr<SignalWatch> signals_;  // of an open window; a picture is just interrupted
  FramePace pace_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point last_frame_;
  std::atomic<double> load_began_ = 0, load_ended_ = 0;  // of the runner, on the compute thread
};

void Session::load_user_files() {
  if (unattended()) return;  // a picture depends on the command line alone
  Result<Preferences> preferences = load_preferences();
  if (preferences) {
    preferences_ = *preferences;
  } else {
    problems_.push_back(preferences.error());
  }
}

void Session::apply_options(App& app) {
  if (!options_.theme.empty()) theme_from_name(options_.theme, preferences_.theme);
  app.set_preferences(preferences_, window_->scale());
  if (!unattended()) app.configure_layouts(config_folder() / "layouts");
  app.set_fonts(window_->fonts());
  app.state().sample_source = parts_.samples;
  app.state().wake = Window::wake;
  if (!unattended()) app.state().head_sets.configure(config_folder() / "head_sets");
  if (const auto folder = executable_folder()) {
    app.experiments().configure(*folder / "headscope-cli", state_folder() / "experiments");
    app.configure_models(*folder / "headscope-cli");
    app.tests().configure(*folder / "headscope-cli", state_folder() / "tests");
  }
}

void Session::find_lessons(App& app) {
  std::vector<std::filesystem::path> folders;
  if (const auto assets = asset_folder()) {
    folders.push_back(*assets / "lessons");
  } else {
    problems_.push_back(assets.error());
  }
  if (!unattended()) folders.push_back(config_folder() / "lessons");
  app.configure_lessons(std::move(folders));
}

// The named session, else what was open last time. A picture depends on the command line alone.
void Session::restore_session(App& app) {
  app.state().request.threads = options_.threads;
  std::vector<std::string> problems, notes;
  if (!unattended()) {
    app.load_recent();
    app.session().begin(problems, notes);
  }
  if (!options_.session.empty()) {
    if (const Result<> opened = app.session().open(options_.session); !opened)
      problems_.push_back(opened.error());
  }
  for (std::string& problem : problems)
    problems_.push_back({ErrorKind::bad_input, std::move(problem)});
  for (std::string& note : notes) app.state().notify(Notice::Kind::info, std::move(note));
  if (options_.model.empty()) app.note_missing_model();
}

void Session::fill_request(App& app) {
  AppState& state = app.state();
  first_request(state);
  restore_session(app);
  if (options_.device != "auto") state.request.device = options_.device;
  if (options_.dtype != "auto") state.request.dtype = options_.dtype;
  state.request.threads = options_.threads;
  if (!options_.model.empty()) state.request.model = options_.model;
  if (!options_.model.empty() || !options_.adapter.empty()) {
    state.request.adapter = options_.adapter;
  }
  if (!options_.prompt_file.empty()) app.open_prompt(options_.prompt_file);
  if (!options_.data.empty()) state.open_data(options_.data);
  if (!options_.file.empty()) app.take_dropped(options_.file);
  state.heads_to_compare = options_.compare_heads;
  for (const Error& problem : problems_) state.notify(Notice::Kind::error, problem.message);
}

void Session::draw(App& app) {
  if (window_->scale_changed()) app.set_scale(window_->scale(), app.zoom());
  app.prepare_frame();
  window_->begin_frame();
  app.frame();
  window_->render();
  if (const std::string error = window_->take_gl_error(); !error.empty()) {
    app.state().notify(Notice::Kind::error, error);
  }
  window_->set_title(app.window_title());
  if (app.take_picture_request()) save_picture(app);
  window_->present();
  for (const std::string& path : window_->take_dropped()) app.take_dropped(path);
}

// Sleeps unless something is due: input, a snapshot, a tooltip's delay, the text cursor.
void Session::wait_for_work(const App& app, double longest) {
  double sleep = pace_.sleep(seconds_since(start_), app.redraw_in(), ImGui::GetIO().WantTextInput);
  if (longest >= 0) sleep = sleep < 0 ? longest : std::min(sleep, longest);
  window_->wait(sleep);
  // Progress of the model alone is shown twenty times a second: on a machine without a graphics
  // card drawing would take the cores that the model needs.
  while (!window_->has_input() && !window_->closing() && !signals_->stopped() &&
         seconds_since(last_frame_) < kProgressInterval) {
    window_->wait(kProgressInterval - seconds_since(last_frame_));
  }
  if (window_->has_input()) pace_.input(seconds_since(start_));
}

// Until the window is closed, or for `seconds` where they are not negative. Returns the frames
// drawn.
int Session::loop(App& app, double seconds) {
  const auto begin = Clock::now();
  const auto left = [&] {
    return seconds < 0 ? -1.0 : std::max(0.0, seconds - seconds_since(begin));
  };
  int frames = 0;
  for (; !window_->closing() && !app.quit_requested() && !signals_->stopped() && left() != 0;
       ++frames) {
    if (pace_.take_due_frame()) {
      window_->poll();
    } else {
      wait_for_work(app, left());
      if (left() == 0) break;  // nothing asked for a frame
    }
    draw(app);
    last_frame_ = Clock::now();
  }
  return frames;
}

int Session::measure_idle(App& app) {
  constexpr double kPatience = 120, kRest = 3;
  const auto begin = Clock::now();
  do {
    pace_.want_frames(1);  // what woke the last wait may have come as it ended
    loop(app, 0.2);
  } while (!app.settled() && seconds_since(begin) < kPatience && !signals_->stopped());
  // The last results still ask for something, e.g. whether they are to be saved.
  while (loop(app, kRest) > 0 && seconds_since(begin) < kPatience) {
  }
  if (!app.settled()) {
    complain({ErrorKind::internal, "the engine does not come to rest"});
    return exit_code(ErrorKind::internal);
  }
  const double before = platform::process_seconds();
  const int frames = loop(app, options_.measure_idle);
  std::printf("{\"seconds\": %.3f, \"cpu_seconds\": %.6f, \"frames\": %d}\n", options_.measure_idle,
              platform::process_seconds() - before, frames);
  return 0;
}

// Of a clock that all processes of the machine share, so that whoever starts this one can compare.
double moment() {
  return static_cast<double>(trace_now()) * 1e-9;
}

Engine::RunnerFactory Session::noting_moments(Engine::RunnerFactory make) {
  return [this, make = std::move(make)] {
    load_began_ = moment();
    auto runner = make();
    load_ended_ = moment();
    return runner;
  };
}

int Session::measure_start(App& app) {
  constexpr double kPatience = 120;
  draw(app);
  const double shown = moment();
  const auto mapped = [&app] {
    const RunResult* run = app.state().baseline();
    return run != nullptr && !run->weights.empty();
  };
  while (!mapped() && moment() - shown < kPatience && !signals_->stopped()) loop(app, 0.02);
  if (!mapped()) {
    complain({ErrorKind::internal, "no heat map within two minutes"});
    return exit_code(ErrorKind::internal);
  }
  draw(app);
  const Json moments = {{"window", shown},
                        {"load_began", load_began_.load()},
                        {"load_ended", load_ended_.load()},
                        {"heat_map", moment()}};
  std::puts(moments.dump().c_str());
  return 0;
}

int Session::take_screenshot(App& app) {
  int settled = 0;
  while (settled < 2 * kSettlingFrames) {
    app.prepare_frame();
    window_->begin_frame();
    app.frame();
    if (!app.settled()) {  // nothing is drawn meanwhile: the model needs the cores
      window_->drop_frame();
      window_->wait(0.1);
      settled = 0;
      continue;
    }
    window_->render();
    if (++settled < 2 * kSettlingFrames) window_->present();
    window_->poll();
  }
  const Result<> written = write_png(options_.screenshot, window_->capture());
  if (!written) {
    complain(written.error());
    return exit_code(written.error().kind);
  }
  return 0;
}

void Session::save_picture(App& app) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::string name =
      "headscope-" + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(now).count()) +
      ".png";
  const std::filesystem::path path = std::filesystem::current_path() / name;
  const Result<> written = write_png(path, window_->capture());
  app.state().notify(written ? Notice::Kind::info : Notice::Kind::error,
                     written ? "Saved " + path.string() : written.error().message);
}

void Session::save_user_files(App& app) {
  preferences_ = app.preferences();
  window_->size_in_units(preferences_.width, preferences_.height);
  for (const Result<>& saved :
       {save_preferences(preferences_),
        write_file_atomically(layout_path(), save_layout(app.view_table())), app.session().end()}) {
    if (!saved) complain(saved.error());
  }
}

int Session::run() {
  // Before the graphics driver and the engine start threads, which must not get the signals.
  if (options_.screenshot.empty()) signals_ = std::make_unique<SignalWatch>(Window::wake);
  load_user_files();
  WindowOptions window;
  window.width = options_.width > 0 ? options_.width : preferences_.width;
  window.height = options_.height > 0 ? options_.height : preferences_.height;
  window.scale = options_.scale > 0 ? options_.scale : unattended() ? 1.0f : 0.0f;
  window.hidden = unattended() && !options_.measure_start;
  window.builtin_font = options_.builtin_font;
  Result<std::unique_ptr<Window>> opened = Window::create(window);
  if (!opened) {
    complain(opened.error());
    return exit_code(opened.error().kind);
  }
  window_ = std::move(*opened);
  int code = 0;
  {
    Engine engine(options_.measure_start ? noting_moments(parts_.make_runner) : parts_.make_runner,
                  Window::wake);
    App app(&engine);
    apply_options(app);
    if (!unattended()) {
      if (const Result<std::string> layout = read_text_file(layout_path(), 1 << 20))
        load_layout(*layout, app.view_table());
    }
    find_lessons(app);
    fill_request(app);
    const Result<> lesson = options_.lesson.empty() ? Result<>() : app.open_lesson(options_.lesson);
    if (!lesson) {
      complain(lesson.error());
      code = exit_code(lesson.error().kind);
    } else if (!options_.screenshot.empty()) {
      code = take_screenshot(app);
    } else if (options_.measure_idle > 0) {
      code = measure_idle(app);
    } else if (options_.measure_start) {
      code = measure_start(app);
    } else {
      const Result<> ended = without_exceptions([&]() -> Result<> {
        loop(app, -1);
        return {};
      });
      if (!ended) {  // most likely no memory for a frame: the work is saved all the same
        complain(ended.error());
        code = exit_code(ended.error().kind);
      }
      save_user_files(app);
    }
  }
  signals_.reset();  // it wakes the window, so it goes first
  window_.reset();
  return code;
}

}  // namespace

int run_window(const RunOptions& options, const Parts& parts) {
  return Session(options, parts).run();
}

}  // namespace headscope
