// Where the views stand: one dock space, a default that teaches, and the user's own.
#pragma once

#include <imgui.h>

#include <string>

namespace headscope {

/// Titles of the docked windows; they are also their identities in the layout file.
namespace titles {
inline constexpr const char* prompt = "Prompt";
inline constexpr const char* lesson = "Lesson";
inline constexpr const char* overlay = "Token overlay";
inline constexpr const char* answer = "Answer";
inline constexpr const char* heads = "Heads";
inline constexpr const char* ranking = "Ranking";
inline constexpr const char* attention = "Attention map";
inline constexpr const char* documents = "Attention per document";
inline constexpr const char* tests = "Tests";
inline constexpr const char* experiments = "Experiments";
inline constexpr const char* controls = "Intervention";
}  // namespace titles

/// Fills the main viewport with the dock space, leaving `bottom` pixels for the status bar. Builds
/// the default layout when there is none or `rebuild` says so. While something else fills the
/// window
/// (`hidden`), it only keeps the layout.
void dock_space(float bottom, bool rebuild, bool hidden = false);

/// The next window becomes a tab beside `neighbour` unless the layout says where it is: for views
/// that are newer than the user's layout.
void dock_beside(const char* neighbour);

/// Content of the layout file for the current context, and taking one over (before the first
/// frame).
std::string save_layout();
void load_layout(const std::string& text);

}  // namespace headscope
