// links: headscope_session
// longest: 4096
// words: core/session/head_set.cpp core/session/passport.cpp
#include <algorithm>

#include "core/session/head_set.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;

FUZZ_READER(head_set) {
  fuzz::require_same_again(
      fuzz::text_of(input), [](const Json& json) { return head_set_from_json(json, "input"); },
      [](const HeadSet& set) {
        fuzz::require(!set.ranking.empty(), "a head set ranks heads");
        for (const HeadId id : set.ranking) {
          fuzz::require(id.layer >= 0 && id.head >= 0, "heads are counted from 0");
          fuzz::require(set.layers == 0 || (id.layer < set.layers && id.head < set.heads),
                        "heads are of the model");
        }
        (void)stability_of(set);
        (void)check_fits(set, "input", 2, 4);
        return to_json(set);
      },
      "a head set that was read can be saved and read again");
}
