// links: headscope_session
// longest: 2048
// words: core/session/directions_file.cpp core/session/passport.cpp core/base/safetensors*.cpp
#include "core/session/directions_file.h"
#include "tests/fuzz/fuzz.h"

using namespace headscope;

FUZZ_READER(directions) {
  const auto file = read_directions(fuzz::file_of(input));
  if (!file) return;
  const Directions& directions = file->directions;
  const auto size = static_cast<std::size_t>(directions.layers) *
                    static_cast<std::size_t>(directions.heads) *
                    static_cast<std::size_t>(directions.head_dim);
  fuzz::require(size > 0 && directions.query.size() == size &&
                    (directions.key.empty() || directions.key.size() == size),
                "directions have the shape that they claim");
  (void)passport_from_json(to_json(file->passport), "written");
}
