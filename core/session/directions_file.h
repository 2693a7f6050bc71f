// Focus directions as safetensors: `q` and `k` [L, H, head_dim] fp32, metadata `passport` (JSON);
// and the folders that the authors of the method publish.
#pragma once

#include <filesystem>

#include "core/intervention/spec.h"
#include "core/session/passport.h"

namespace headscope {

struct DirectionsFile {
  Directions directions;
  Passport passport;
};

/// A safetensors file, or a folder of the authors' layout: head_q_directions_L.pth and
/// head_k_directions_L.pth for each layer L from 0, each one tensor [H, head_dim] (torch_file.h),
/// in it or in its `direction_relevant`. `k` may be missing (zeros). bad_input: no `q`, a layer
/// missing, another rank, shapes that differ, numbers that are not finite.
Result<DirectionsFile> read_directions(const std::filesystem::path& path);

/// SHA-256 of such a file; of a folder that of the lines "<sha256>  <name>\n" of its files that are
/// read (queries by layer, then keys).
Result<std::string> directions_sha256(const std::filesystem::path& path);

/// Whole or not at all; a missing key half is written as zeros. Same input, same bytes.
Result<> write_directions(const std::filesystem::path& path, const Directions& directions,
                          const Passport& passport);

/// bad_input when the directions are of a model of another shape; `name` begins the message.
Result<> check_fits(const Directions& directions, const std::string& name, int layers, int heads,
                    int head_dim);

}  // namespace headscope
