// Every docked view of the window: one line in App::register_views.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/views/widgets.h"

namespace headscope {

/// Regions of the screen. A layout says where they are (layout.h); several may share one.
enum class Place { prompt, lesson, answer, heads, attention, controls, ranking, documents };
inline constexpr int places = 8;

/// One docked view. The title is drawn by its tab and is its identity in the layout file.
struct View {
  const char* title = "";
  Place place = Place::attention;
  bool open_at_first = true;
  std::function<void(ViewContext&)> draw;
  bool open = true;
};

/// Which views there are, and which of them are open. Closed views cost nothing.
class ViewTable {
 public:
  /// In the order of the tabs.
  void add(const char* title, Place place, bool open_at_first,
           std::function<void(ViewContext&)> draw);
  std::vector<View>& all() { return views_; }
  const std::vector<View>& all() const { return views_; }
  View* find(std::string_view title);
  /// Opens a view and brings its tab to the front; an unknown title does nothing.
  void show(std::string_view title);
  void toggle(std::string_view title);
  /// All open views, each in its own window, with a cross in its tab.
  void draw(ViewContext& context);
  /// The content of one view, where something else supplies the window.
  void draw_content(std::string_view title, ViewContext& context);

  /// Title and whether it is open, for the layout file. Unknown titles are skipped when taken over,
  /// views that are not named keep what they are.
  std::map<std::string, bool> open_views() const;
  void set_open_views(const std::map<std::string, bool>& open);

 private:
  const char* neighbour_of(const View& view) const;

  std::vector<View> views_;
  std::string front_;
  int front_frames_ = 0;  ///< frames in which it is still brought to the front
  int key_frames_ = 0;    ///< frames in which its first item may still get the focus
};

}  // namespace headscope
