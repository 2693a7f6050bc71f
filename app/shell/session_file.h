// Sessions as files: everything that was worked on, in one versioned JSON document.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "app/shell/session_past.h"
#include "app/views/app_state.h"
#include "app/views/lesson_view.h"
#include "core/base/error.h"
#include "core/base/json.h"

namespace headscope {

/// One prompt as it is stored: text, marks, sliders, heads, model, how it is looked at.
struct TabRecord {
  std::string name;  ///< given by the user; empty = named after its question
  Request request;
  ViewOptions view;
  std::string data;  ///< data file that is paged through; empty = none
  std::size_t data_sample = 0;
  TabPast past = {};
  /// The same prompt in the same state, however it came to be.
  friend bool operator==(const TabRecord& a, const TabRecord& b) {
    return a.name == b.name && a.request == b.request && a.view == b.view && a.data == b.data &&
           a.data_sample == b.data_sample;
  }
};

struct SessionRecord {
  std::vector<TabRecord> tabs;  ///< never empty after reading
  std::size_t active = 0;
  std::optional<LessonPlace> lesson = std::nullopt;  ///< nothing: none is open
  friend bool operator==(const SessionRecord&, const SessionRecord&) = default;
};

/// What is written while the window is open, so that it comes back after a crash.
struct Autosave {
  SessionRecord session;
  std::string file;      ///< the session file that it was opened from or saved to; empty = none
  bool changed = false;  ///< since that file was written
  bool ended = false;    ///< the window was closed in good order
};

/// A request as JSON and back, without `questions` and the part of a map that is looked at.
Json request_to_json(const Request& request);
Result<Request> request_from_json(const JsonObject& object);
/// The same without its prompt, and the prompt.
Json bare_request_to_json(const Request& request);
Result<Request> bare_request_from_json(const JsonObject& object);
Json prompt_to_json(const PromptRequest& prompt);
Result<PromptRequest> prompt_from_json(const JsonObject& object);

/// What came before (TabPast) takes at most `most_past_bytes` of all tabs.
inline constexpr std::size_t most_past_bytes = std::size_t{16} << 20;
Json session_to_json(const SessionRecord& session);
/// Reads versions 1 (one prompt) and 2 (tabs). bad_input names the field; a newer version says so.
Result<SessionRecord> session_from_json(const Json& json, const std::string& name);

Result<SessionRecord> read_session(const std::filesystem::path& path);
/// Whole or not at all; makes the folder.
Result<> write_session(const std::filesystem::path& path, const SessionRecord& session);

/// Nothing when there is no file.
Result<std::optional<Autosave>> read_autosave(const std::filesystem::path& path);
Result<> write_autosave(const std::filesystem::path& path, const Autosave& autosave);

/// The object is a session, whatever its version.
bool looks_like_session(const Json& json);

}  // namespace headscope
