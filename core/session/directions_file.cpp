#include "core/session/directions_file.h"

#include <cmath>
#include <span>

#include "core/base/hash.h"
#include "core/base/safetensors.h"
#include "core/session/torch_file.h"

namespace headscope {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t max_dimension = 1 << 16;

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

Result<> check_finite(const std::vector<float>& values, const std::string& where) {
  for (const float value : values) {
    if (!std::isfinite(value)) return bad_input(where + " holds a number that is not finite");
  }
  return {};
}

Result<std::vector<float>> read_half(const SafetensorsFile& file, const char* tensor) {
  HEADSCOPE_ASSIGN(auto values, file.floats(tensor));
  HEADSCOPE_TRY(check_finite(values, file.name() + ": tensor '" + tensor + "'"));
  return values;
}

Result<Directions> directions_from(const SafetensorsFile& file) {
  const auto* q = file.find("q");
  const auto* k = file.find("k");
  if (q == nullptr) {
    return bad_input(file.name() +
                     ": expected tensor 'q' [layers, heads, head_dim]; is this a "
                     "file of focus directions?");
  }
  if (q->shape.size() != 3 || q->elements() == 0) {
    return bad_input(file.name() +
                     ": tensor 'q' must have shape [layers, heads, head_dim], found " +
                     shape_text(q->shape));
  }
  for (const auto dimension : q->shape) {
    if (dimension > max_dimension) {
      return bad_input(file.name() + ": tensor 'q' has an impossible shape " +
                       shape_text(q->shape));
    }
  }
  if (k != nullptr && k->shape != q->shape) {
    return bad_input(file.name() + ": tensor 'k' " + shape_text(k->shape) +
                     " must have the shape of 'q' " + shape_text(q->shape));
  }
  Directions directions;
  directions.layers = static_cast<int>(q->shape[0]);
  directions.heads = static_cast<int>(q->shape[1]);
  directions.head_dim = static_cast<int>(q->shape[2]);
  HEADSCOPE_ASSIGN(directions.query, read_half(file, "q"));
  if (k != nullptr) {
    HEADSCOPE_ASSIGN(directions.key, read_half(file, "k"));
  }
  return directions;
}

Result<Passport> passport_of(const SafetensorsFile& file) {
  const auto found = file.metadata().find("passport");
  if (found == file.metadata().end()) return Passport{};
  const std::string name = file.name() + " metadata 'passport'";
  HEADSCOPE_ASSIGN(const auto json, parse_json(found->second, name));
  return passport_from_json(json, name);
}

fs::path layer_file(const fs::path& folder, const char* half, std::size_t layer) {
  return folder / (std::string("head_") + half + "_directions_" + std::to_string(layer) + ".pth");
}

/// Files of one half by layer; empty when the folder has none.
Result<std::vector<fs::path>> files_of_half(const fs::path& folder, const char* half) {
  std::error_code code;
  std::vector<fs::path> files;
  while (fs::exists(layer_file(folder, half, files.size()), code))
    files.push_back(layer_file(folder, half, files.size()));
  const std::string prefix = std::string("head_") + half + "_directions_";
  std::size_t found = 0;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    const std::string name = entry.path().filename().string();
    found += name.starts_with(prefix) && name.ends_with(".pth") ? 1 : 0;
  }
  if (found != files.size()) {
    return bad_input(folder.string() + ": " + layer_file("", half, files.size()).string() +
                     " is missing; there are " + std::to_string(found) + " such files");
  }
  return files;
}

struct AuthorsFiles {
  std::vector<fs::path> query, key;  ///< by layer; key may be empty
};

Result<AuthorsFiles> authors_files(const fs::path& path) {
  std::error_code code;
  const fs::path inner = path / "direction_relevant";
  const fs::path folder = fs::is_directory(inner, code) ? inner : path;
  AuthorsFiles files;
  HEADSCOPE_ASSIGN(files.query, files_of_half(folder, "q"));
  HEADSCOPE_ASSIGN(files.key, files_of_half(folder, "k"));
  if (files.query.empty()) {
    return bad_input(folder.string() +
                     ": expected directions as head_q_directions_0.pth, head_q_directions_1.pth "
                     "..., found none; name a folder of those or a safetensors file");
  }
  if (!files.key.empty() && files.key.size() != files.query.size()) {
    return bad_input(folder.string() + ": " + std::to_string(files.query.size()) +
                     " files of query directions, " + std::to_string(files.key.size()) +
                     " of key directions; expected as many of both");
  }
  return files;
}

/// Appends one layer; the first one says what shape all have.
Result<> add_layer(const fs::path& file, Directions& directions, std::vector<float>& half) {
  HEADSCOPE_ASSIGN(const auto tensor, read_torch_tensor(file));
  if (tensor.shape.size() != 2 || tensor.shape[0] > max_dimension ||
      tensor.shape[1] > max_dimension) {
    return bad_input(file.string() + ": expected a tensor [heads, head_dim], found " +
                     shape_text(tensor.shape));
  }
  if (directions.heads == 0) {
    directions.heads = static_cast<int>(tensor.shape[0]);
    directions.head_dim = static_cast<int>(tensor.shape[1]);
  }
  if (tensor.shape[0] != directions.heads || tensor.shape[1] != directions.head_dim) {
    return bad_input(file.string() + ": shape " + shape_text(tensor.shape) +
                     ", other layers have " + shape_text({directions.heads, directions.head_dim}));
  }
  HEADSCOPE_TRY(check_finite(tensor.values, file.string()));
  half.insert(half.end(), tensor.values.begin(), tensor.values.end());
  return {};
}

Result<DirectionsFile> read_authors_folder(const fs::path& path) {
  HEADSCOPE_ASSIGN(const auto files, authors_files(path));
  DirectionsFile result;
  Directions& directions = result.directions;
  directions.layers = static_cast<int>(files.query.size());
  for (const fs::path& file : files.query)
    HEADSCOPE_TRY(add_layer(file, directions, directions.query));
  for (const fs::path& file : files.key) HEADSCOPE_TRY(add_layer(file, directions, directions.key));
  result.passport.application = "torch.save";
  return result;
}

bool is_folder(const fs::path& path) {
  std::error_code code;
  return fs::is_directory(path, code);
}

}  // namespace

Result<DirectionsFile> read_directions(const std::filesystem::path& path) {
  if (is_folder(path)) return read_authors_folder(path);
  HEADSCOPE_ASSIGN(const auto file, SafetensorsFile::open(path));
  DirectionsFile result;
  HEADSCOPE_ASSIGN(result.directions, directions_from(file));
  HEADSCOPE_ASSIGN(result.passport, passport_of(file));
  return result;
}

Result<std::string> directions_sha256(const std::filesystem::path& path) {
  if (!is_folder(path)) return sha256_file(path);
  HEADSCOPE_ASSIGN(const auto files, authors_files(path));
  std::string lines;
  for (const auto* half : {&files.query, &files.key}) {
    for (const fs::path& file : *half) {
      HEADSCOPE_ASSIGN(const auto hash, sha256_file(file));
      lines += hash + "  " + file.filename().string() + "\n";
    }
  }
  return sha256_hex(lines);
}

Result<> write_directions(const std::filesystem::path& path, const Directions& directions,
                          const Passport& passport,
                          const std::map<std::string, std::string>& more) {
  const auto size = static_cast<std::size_t>(directions.layers) *
                    static_cast<std::size_t>(directions.heads) *
                    static_cast<std::size_t>(directions.head_dim);
  const auto key = directions.key.empty() ? std::vector<float>(size, 0.0f) : directions.key;
  if (size == 0 || directions.query.size() != size || key.size() != size) {
    return fail(ErrorKind::internal, path.filename().string() + ": directions of " +
                                         std::to_string(directions.query.size()) +
                                         " numbers do not have the shape they claim");
  }
  const std::vector<std::int64_t> shape = {directions.layers, directions.heads,
                                           directions.head_dim};
  std::map<std::string, std::string> metadata = {{"headscope", "directions"},
                                                 {"format", "headscope-directions-1"},
                                                 {"passport", dump_json(to_json(passport))}};
  metadata.insert(more.begin(), more.end());
  return write_safetensors(path,
                           {{"q", DType::f32, shape, std::as_bytes(std::span(directions.query))},
                            {"k", DType::f32, shape, std::as_bytes(std::span(key))}},
                           metadata);
}

Result<> check_fits(const Directions& directions, const std::string& name, int layers, int heads,
                    int head_dim) {
  if (directions.layers == layers && directions.heads == heads && directions.head_dim == head_dim)
    return {};
  return bad_input(name + ": directions of shape " +
                   shape_text({directions.layers, directions.heads, directions.head_dim}) +
                   " [layers, heads, head_dim]; this model needs " +
                   shape_text({layers, heads, head_dim}) +
                   ": use directions that were trained for it");
}

Result<Directions> read_fitting_directions(const std::filesystem::path& path,
                                           const std::string& sha256, int layers, int heads,
                                           int head_dim) {
  if (!sha256.empty()) {
    HEADSCOPE_ASSIGN(const auto hash, directions_sha256(path));
    if (hash != sha256) {
      return bad_input(path.string() + ": expected the focus directions with SHA-256 " +
                       sha256.substr(0, 12) + ", found " + hash.substr(0, 12) +
                       ": the file has changed since it was chosen; open it again to use it as it "
                       "is now");
    }
  }
  HEADSCOPE_ASSIGN(auto file, read_directions(path));
  HEADSCOPE_TRY(check_fits(file.directions, path.string(), layers, heads, head_dim));
  return std::move(file.directions);
}

std::filesystem::path directions_named_by(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  const bool one_of_them =
      (name.starts_with("head_q_directions_") || name.starts_with("head_k_directions_")) &&
      name.ends_with(".pth") && !is_folder(path);
  if (!one_of_them) return path;
  return path.has_parent_path() ? path.parent_path() : ".";
}

}  // namespace headscope
