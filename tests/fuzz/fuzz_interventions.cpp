// links: headscope_session
// longest: 2048
// words: core/session/intervention_file.cpp core/intervention/*.cpp
#include "core/session/intervention_file.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;

FUZZ_READER(interventions) {
  fuzz::require_same_again(
      fuzz::text_of(input), [](const Json& json) { return parse_interventions(json, "input"); },
      [](const InterventionFile& file) {
        Json list = Json::array();
        for (const auto& description : file.interventions) list.push_back(to_json(description));
        return list;
      },
      "interventions that were read can be written and read again");
}
