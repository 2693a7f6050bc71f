// Where the views stand: one dock space, arrangements that teach, and the user's own.
#pragma once

#include <imgui.h>

#include <array>
#include <span>
#include <string>

#include "app/shell/view_table.h"

namespace headscope {

/// Titles of the docked windows; they are also their identities in the layout file.
namespace titles {
inline constexpr const char* prompt = "Prompt";
inline constexpr const char* lesson = "Lesson";
inline constexpr const char* overlay = "Token overlay";
inline constexpr const char* answer = "Answer";
inline constexpr const char* heads = "Heads";
inline constexpr const char* ranking = "Ranking";
inline constexpr const char* head_sets = "Head sets";
inline constexpr const char* layer = "Layer";
inline constexpr const char* attention = "Attention map";
inline constexpr const char* difference = "Difference";
inline constexpr const char* lens = "Logit lens";
inline constexpr const char* scores = "Score split";
inline constexpr const char* documents = "Attention per document";
inline constexpr const char* tests = "Tests";
inline constexpr const char* experiments = "Experiments";
inline constexpr const char* runs = "Runs";
inline constexpr const char* profiler = "Profiler";
inline constexpr const char* preferences = "Preferences";
inline constexpr const char* models = "Models";
inline constexpr const char* controls = "Intervention";
inline constexpr const char* own_people = "Own people";
/// Every one of them, as a lesson may name them.
inline constexpr std::array all = {
    prompt, lesson,      overlay,  own_people, answer,    heads,     attention,
    runs,   profiler,    layer,    difference, lens,      scores,    experiments,
    models, preferences, controls, ranking,    head_sets, documents, tests};
}  // namespace titles

/// A screen for one use of the window.
struct Arrangement {
  const char* id;
  const char* name;
  const char* summary;
};
/// Explore (the default), Debug, Teach. In a narrow window each of them has two columns.
std::span<const Arrangement> arrangements();

/// Fills the main viewport with the dock space, leaving `bottom` pixels for the status bar. Builds
/// `arrangement` (an index into arrangements(); < 0 = keep what is there), which opens and closes
/// views, and the first one when there is no layout yet. While something else fills the window
/// (`hidden`), it only keeps the layout.
void dock_space(float bottom, int arrangement, ViewTable& views, bool hidden = false);

/// The next window becomes a tab beside `neighbour` unless the layout says where it is.
void dock_beside(const char* neighbour);

/// Content of the layout file: ImGui's settings and which views are open. `load_layout` takes one
/// over: before the first frame, or between two frames.
std::string save_layout(const ViewTable& views);
void load_layout(const std::string& text, ViewTable& views);

}  // namespace headscope
