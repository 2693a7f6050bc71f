// The gallery: pictures of scripted sessions, compared with those in assets/gallery.
// `bash packaging/gallery.sh` writes them anew (HEADSCOPE_GALLERY=write).
#pragma once

#include <imgui_internal.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/embedded_stage.h"
#include "tests/pictures.h"

namespace headscope::test {

/// What a picture does not compare because it differs between runs: times, memory, counters.
struct Varying {
  std::string what;
  PixelRect at;
};

inline std::filesystem::path gallery_folder() {
  return source_folder() / "assets" / "gallery";
}

inline bool writes_gallery() {
  const char* mode = std::getenv("HEADSCOPE_GALLERY");
  return mode != nullptr && std::string(mode) == "write";
}

/// The window as a newcomer opens it: embedded model, first sample, split-softmax at 0.1.
inline std::unique_ptr<Stage> newcomers_stage(float scale = 1) {
  auto stage = embedded_stage({}, scale);
  stage->app->configure_lessons({source_folder() / "assets" / "lessons"});
  return stage;
}

inline PixelRect pixels_of(const ImRect& rect) {
  return {static_cast<int>(rect.Min.x) - 1, static_cast<int>(rect.Min.y) - 1,
          static_cast<int>(rect.Max.x) + 2, static_cast<int>(rect.Max.y) + 2};
}

/// A whole window, such as the status bar with its memory and times; nothing where it is not there.
inline Varying varying_window(ImGuiTestContext*, const char* name) {
  const ImGuiWindow* window = ImGui::FindWindowByName(name);
  return {name, window != nullptr ? pixels_of(window->Rect()) : PixelRect{}};
}

/// What stands right of an item, to the edge of its window.
inline Varying varying_after(ImGuiTestContext* test, const char* item) {
  const ImGuiTestItemInfo info = test->ItemInfo(item, ImGuiTestOpFlags_NoError);
  if (info.ID == 0 || info.Window == nullptr) return {item, {}};
  ImRect rect = info.RectFull;
  rect.Min.x = rect.Max.x;
  rect.Max.x = info.Window->Rect().Max.x;
  return {std::string("beside ") + item, pixels_of(rect)};
}

/// The front-most window at a point of the picture.
inline std::string window_at(const PixelRect& at) {
  const ImVec2 middle(static_cast<float>(at.left + at.right) * 0.5f,
                      static_cast<float>(at.top + at.bottom) * 0.5f);
  const ImVector<ImGuiWindow*>& windows = ImGui::GetCurrentContext()->Windows;
  for (int i = windows.Size - 1; i >= 0; --i) {
    const ImGuiWindow& window = *windows[i];
    const bool shown = window.WasActive && !window.Hidden && window.RootWindow == &window;
    if (shown && !window.DockIsActive && window.Rect().Contains(middle) &&
        (window.Flags & ImGuiWindowFlags_DockNodeHost) == 0)
      return window.Name;
    if (shown && window.DockTabIsVisible && window.Rect().Contains(middle)) return window.Name;
  }
  return "between the views";
}

/// Where and by how much, for whoever reads the log.
inline std::string describe(const PictureDifference& found) {
  std::string text;
  constexpr std::size_t kNamed = 6;
  for (std::size_t i = 0; i < std::min(kNamed, found.tiles.size()); ++i) {
    const DifferentTile& tile = found.tiles[i];
    text += "\n  x " + std::to_string(tile.at.left) + ", y " + std::to_string(tile.at.top) + " (" +
            window_at(tile.at) + "): " + std::to_string(static_cast<int>(tile.difference)) +
            " of 255";
  }
  if (found.tiles.size() > kNamed) text += "\n  ...";
  return text;
}

inline void compare_with_gallery(const std::string& name, const Pixels& now,
                                 const std::vector<Varying>& varying) {
  std::error_code ignored;
  const std::filesystem::path stored_path = gallery_folder() / (name + ".png");
  if (!std::filesystem::exists(gallery_folder(), ignored)) {
    std::printf("no assets/gallery yet: bash packaging/gallery.sh makes it\n");
    return;
  }
  const Result<Pixels> stored = read_png(stored_path);
  const std::string anew = "; if the window is meant to look like that: bash packaging/gallery.sh";
  if (!stored) {
    FAIL_CHECK(stored.error().message << anew);
    return;
  }
  const std::filesystem::path folder = picture_folder() / "gallery";
  std::filesystem::create_directories(folder, ignored);
  CHECK(write_png(folder / (name + ".png"), now).has_value());
  if (stored->width != now.width || stored->height != now.height) {
    FAIL_CHECK(stored_path.string() << ": another size than this window's" << anew);
    return;
  }
  std::vector<PixelRect> masks;
  for (const Varying& part : varying) masks.push_back(part.at);
  const PictureDifference found = compare_pictures(*stored, as_stored(now), masks);
  std::printf("gallery %-28s largest difference of a tile %.1f of 255\n", name.c_str(),
              found.largest);
  if (found.tiles.empty()) return;
  CHECK(write_png(folder / (name + "-difference.png"), found.picture).has_value());
  FAIL_CHECK(name << ".png: " << found.tiles.size() << " tiles differ by more than " << most_of_tile
                  << describe(found) << "\nThe picture and what differs, in red, are in "
                  << folder.string() << anew);
}

/// Clicks the cell of a head in the head map.
inline void click_head(ImGuiTestContext* test, HeadId head) {
  const ModelInfo& model = *stage_of(test).snapshot().model;
  const ImRect map = test->ItemInfo("//Heads/heads").RectFull;
  const auto middle = [](float low, float high, int place, int count) {
    return low + (high - low) * (static_cast<float>(place) + 0.5f) / static_cast<float>(count);
  };
  test->MouseMoveToPos({middle(map.Min.x, map.Max.x, head.head, model.heads),
                        middle(map.Min.y, map.Max.y, head.layer, model.layers)});
  test->MouseClick();
}

/// Lays the mouse down where it points at nothing, so that no tooltip is in the picture.
inline void rest(ImGuiTestContext* test) {
  const ImGuiViewport& viewport = *ImGui::GetMainViewport();
  test->MouseMoveToPos({viewport.Size.x * 0.62f, viewport.Size.y - 3});
  test->Yield(2);
}

/// Takes a picture of the window as it is, and compares or writes it. `varying` is left out.
inline void shoot(ImGuiTestContext* test, const std::string& name,
                  std::vector<Varying> varying = {}) {
  Stage& stage = stage_of(test);
  test->Yield(3);
  varying.push_back(varying_window(test, "##status"));
  varying.push_back(varying_after(test, "//Intervention/Reset"));
  const Pixels now = stage.capture(test);
  if (!writes_gallery()) {
    compare_with_gallery(name, now, varying);
    return;
  }
  std::error_code ignored;
  std::filesystem::create_directories(gallery_folder(), ignored);
  CHECK(write_small_png(gallery_folder() / (name + ".png"), now).has_value());
}

}  // namespace headscope::test
