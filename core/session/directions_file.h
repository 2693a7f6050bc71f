// Focus directions as safetensors: `q` and `k` [L, H, head_dim] fp32, metadata `passport` (JSON);
// and the folders that the authors of the method publish.
#pragma once

#include <filesystem>
#include <map>

#include "core/intervention/spec.h"
#include "core/session/passport.h"

namespace headscope {
/// Focus directions with what made them.
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

/// Whole or not at all; a missing key half is written as zeros. Same input, same bytes. `more`:
/// further metadata beside "headscope", "format" and "passport".
Result<> write_directions(const std::filesystem::path& path, const Directions& directions,
                          const Passport& passport,
                          const std::map<std::string, std::string>& more = {});

/// bad_input when the directions are of a model of another shape; `name` begins the message.
Result<> check_fits(const Directions& directions, const std::string& name, int layers, int heads,
                    int head_dim);

/// The directions of a file or folder for a model of this shape. bad_input: as read_directions and
/// check_fits, and where `sha256` is not empty and not that of the file (it has changed since).
Result<Directions> read_fitting_directions(const std::filesystem::path& path,
                                           const std::string& sha256, int layers, int heads,
                                           int head_dim);

/// What is named when somebody points at `path`: the folder of one file of the authors' layout,
/// else `path` itself.
std::filesystem::path directions_named_by(const std::filesystem::path& path);

}  // namespace headscope
