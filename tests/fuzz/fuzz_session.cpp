// links: headscope_app_files
// longest: 8192
// words: app/shell/session_*.cpp app/shell/user_files.cpp core/text/splitting*.cpp
#include "app/shell/session_file.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;

FUZZ_READER(session) {
  fuzz::require_same_again(
      fuzz::text_of(input), [](const Json& json) { return session_from_json(json, "input"); },
      [](const SessionRecord& session) {
        fuzz::require(!session.tabs.empty() && session.active < session.tabs.size(),
                      "there is a tab in front");
        return session_to_json(session);
      },
      "a session that was read can be saved and opened again");
}
