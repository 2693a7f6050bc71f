// links: headscope_app_testing
// labels: ui
// timeout: 600
#include <cstdlib>
#include <string>
#include "app/shell/layout.h"
#include "tests/embedded_stage.h"
#include "tests/skip.h"
using namespace headscope;
using test::Stage;
using test::stage_of;
namespace {
std::string prefix;
bool every_view = false;
void shot(ImGuiTestContext* test, const std::string& name) {
  Stage& s = stage_of(test);
  s.draws = true;
  test->Yield(2);
  (void)write_png(test::picture_folder() / (prefix + name + ".png"), s.capture(test));
  s.draws = false;
}
void script(ImGuiTestContext* test) {
  Stage& s = stage_of(test);
  test->MouseMoveToPos(ImVec2(700, 798));
  s.settle(test);
  for (const Arrangement& a : arrangements()) {
    s.app->commands().run(std::string("layout.") + a.id);
    test->Yield(8);
    s.settle(test);
    shot(test, a.id);
    if (!every_view || &a != &arrangements().front()) continue;
    for (const char* title : titles::all) {
      s.state().view_to_show = title;
      test->Yield(6);
      s.settle(test);
      shot(test, std::string(a.id) + "-" + title);
    }
  }
}
}  // namespace
TEST_CASE("looks") {
  const char* theme = std::getenv("LOOKS_THEME");
  const char* size = std::getenv("LOOKS_SIZE");
  const char* scale = std::getenv("LOOKS_SCALE");
  every_view = std::getenv("LOOKS_VIEWS") != nullptr;
  const float factor = scale ? std::stof(scale) : 1;
  const std::string wh = size ? size : "1280x800";
  auto stage = Stage::open(torch_runner_factory(), demo_sample_source(), factor, std::stoi(wh), std::stoi(wh.substr(wh.find('x') + 1)));
  stage->draws = false;
  stage->state().request.intervention.tau = 0.1;
  stage->state().request.threads = 1;
  stage->state().new_sample();
  stage->app->configure_lessons({test::source_folder() / "assets" / "lessons"});
  ThemeKind kind = ThemeKind::dark;
  if (theme) theme_from_name(theme, kind);
  stage->app->set_theme(kind);
  prefix = std::string("looks_") + (theme ? theme : "dark") + "_" + wh + "_" + (scale ? scale : "1") + "_";
  stage->run("looks", script);
}
