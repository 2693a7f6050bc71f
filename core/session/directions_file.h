// Focus directions as safetensors: `q` and `k` [L, H, head_dim] fp32, metadata `passport` (JSON).
#pragma once

#include <filesystem>

#include "core/intervention/spec.h"
#include "core/session/passport.h"

namespace headscope {

struct DirectionsFile {
  Directions directions;
  Passport passport;
};

/// `k` may be missing (zeros). bad_input: no `q`, another rank, shapes that differ, numbers that
/// are not finite.
Result<DirectionsFile> read_directions(const std::filesystem::path& path);

/// Whole or not at all; a missing key half is written as zeros. Same input, same bytes.
Result<> write_directions(const std::filesystem::path& path, const Directions& directions,
                          const Passport& passport);

/// bad_input when the directions are of a model of another shape; `name` begins the message.
Result<> check_fits(const Directions& directions, const std::string& name, int layers, int heads,
                    int head_dim);

}  // namespace headscope
