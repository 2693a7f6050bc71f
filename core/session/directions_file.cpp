#include "core/session/directions_file.h"

#include <cmath>
#include <span>

#include "core/base/safetensors.h"

namespace headscope {
namespace {

constexpr std::int64_t max_dimension = 1 << 16;

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

Result<std::vector<float>> read_half(const SafetensorsFile& file, const char* tensor) {
  HEADSCOPE_ASSIGN(auto values, file.floats(tensor));
  for (const float value : values) {
    if (!std::isfinite(value))
      return bad_input(file.name() + ": tensor '" + tensor + "' holds a number that is not finite");
  }
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

}  // namespace

Result<DirectionsFile> read_directions(const std::filesystem::path& path) {
  HEADSCOPE_ASSIGN(const auto file, SafetensorsFile::open(path));
  DirectionsFile result;
  HEADSCOPE_ASSIGN(result.directions, directions_from(file));
  HEADSCOPE_ASSIGN(result.passport, passport_of(file));
  return result;
}

Result<> write_directions(const std::filesystem::path& path, const Directions& directions,
                          const Passport& passport) {
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
  return write_safetensors(
      path,
      {{"q", DType::f32, shape, std::as_bytes(std::span(directions.query))},
       {"k", DType::f32, shape, std::as_bytes(std::span(key))}},
      {{"format", "headscope-directions-1"}, {"passport", dump_json(to_json(passport))}});
}

Result<> check_fits(const Directions& directions, const std::string& name, int layers, int heads,
                    int head_dim) {
  if (directions.layers == layers && directions.heads == heads && directions.head_dim == head_dim)
    return {};
  return bad_input(name + ": directions of shape " +
                   shape_text({directions.layers, directions.heads, directions.head_dim}) +
                   "; this model needs " + shape_text({layers, heads, head_dim}));
}

}  // namespace headscope
