// Which views there are, and the commands that open them.
#include <string>

#include "app/shell/app.h"
#include "app/shell/layout.h"
#include "app/views/answer_view.h"
#include "app/views/controls_view.h"
#include "app/views/head_map_view.h"
#include "app/views/lens_view.h"
#include "app/views/runs_view.h"

namespace headscope {

// A new view is one line: title, region, whether it is open at first, what draws it. Its command in
// "View > Panels", its place in every layout and its cross come by themselves. In the order of the
// tabs.
void App::register_views() {
  using C = ViewContext;
  views_.add(titles::prompt, Place::prompt, true, [this](C& c) { prompt_.draw(c); });
  views_.add(titles::lesson, Place::lesson, true, [this](C& c) { lessons_.draw(c, presenting_); });
  views_.add(titles::overlay, Place::prompt, true, [this](C& c) { overlay_.draw(c); });
  views_.add(titles::own_people, Place::prompt, false, [this](C& c) { own_people_.draw(c); });
  views_.add(titles::answer, Place::answer, true, answer_view);
  views_.add(titles::heads, Place::heads, true, head_map_view);
  views_.add(titles::attention, Place::attention, true, [this](C& c) { attention_.draw(c); });
  views_.add(titles::runs, Place::attention, false, runs_view);
  views_.add(titles::profiler, Place::attention, false, [this](C& c) { profiler_.draw(c); });
  views_.add(titles::layer, Place::attention, true, [this](C& c) { layer_.draw(c); });
  views_.add(titles::difference, Place::attention, true, [this](C& c) { difference_.draw(c); });
  views_.add(titles::lens, Place::attention, true, lens_view);
  views_.add(titles::scores, Place::attention, false, [this](C& c) { scores_.draw(c); });
  views_.add(titles::experiments, Place::attention, true, [this](C& c) { experiments_.draw(c); });
  views_.add(titles::models, Place::attention, false, [this](C& c) { draw_models(c); });
  views_.add(titles::preferences, Place::attention, false, [this](C& c) { draw_preferences(c); });
  views_.add(titles::controls, Place::controls, true, controls_view);
  views_.add(titles::ranking, Place::ranking, true, [this](C& c) { ranking_.draw(c); });
  views_.add(titles::head_sets, Place::ranking, true, [this](C& c) { head_sets_.draw(c); });
  views_.add(titles::documents, Place::documents, true, [this](C& c) { documents_.draw(c); });
  views_.add(titles::tests, Place::documents, true, [this](C& c) { tests_.draw(c); });
}

void App::register_panel_commands() {
  for (const View& view : views_.all()) {
    const std::string title = view.title;
    commands_.add({"panel." + title,
                   title,
                   "View/Panels",
                   0,
                   [this, title] { views_.toggle(title); },
                   {},
                   [this, title] { return views_.find(title)->open; }});
  }
  int index = 0;
  for (const Arrangement& arrangement : arrangements()) {
    commands_.add({std::string("layout.") + arrangement.id,
                   std::string(arrangement.name) + ": " + arrangement.summary,
                   "View/Layout",
                   ImGuiMod_Ctrl | (ImGuiKey_1 + index),
                   [this, index] { arrange_ = index; },
                   {},
                   {}});
    ++index;
  }
  commands_.add({"layout.save",
                 "Save this layout ...",
                 "View/Layout",
                 0,
                 [this] { ask_for_layout_name(); },
                 [this] { return !layouts_.empty(); },
                 {},
                 true});
}

}  // namespace headscope
