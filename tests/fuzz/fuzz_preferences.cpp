// links: headscope_app_files
// longest: 4096
// words: app/shell/user_files.cpp app/shell/recent_files.cpp
#include "app/shell/recent_files.h"
#include "app/shell/user_files.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;

FUZZ_READER(preferences) {
  fuzz::require_same_again(
      fuzz::text_of(input), [](const Json& json) { return preferences_from_json(json, "input"); },
      preferences_to_json, "preferences that were read can be saved and read again");
  fuzz::require_same_again(
      fuzz::text_of(input), [](const Json& json) { return RecentFiles::from_json(json, "input"); },
      [](const RecentFiles& files) { return files.to_json(); },
      "recent files that were read can be saved and read again");
}
