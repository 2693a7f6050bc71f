#include "core/model/placement.h"

#include <numeric>
#include <optional>

#include "core/model/memory.h"

namespace headscope {
namespace {

/// Devices filled one after another, each to `share` of its bytes; nothing if that is too little.
std::optional<std::vector<int>> filled(const PartBytes& parts,
                                       const std::vector<ComputeDevice>& devices, double share) {
  std::vector<int> layers;
  std::size_t device = 0;
  const auto room_of = [&] { return share * static_cast<double>(devices[device].bytes); };
  double left = room_of() - parts.before;
  for (std::size_t i = 0; i < parts.layers.size(); ++i) {
    const bool is_last = i + 1 == parts.layers.size();
    const double needed = parts.layers[i] + (is_last ? parts.after : 0);
    // Embeddings are moved along only by an error: they are with the first layer.
    while (left < needed) {
      if (i == 0 || ++device == devices.size()) return std::nullopt;
      left = room_of();
    }
    left -= needed;
    layers.push_back(static_cast<int>(device));
  }
  return layers;
}

std::string offers(const std::vector<ComputeDevice>& devices) {
  std::string text;
  for (const ComputeDevice& device : devices) {
    text += (text.empty() ? "" : ", ") + device.name + " " +
            memory_text(static_cast<double>(device.bytes));
  }
  return text;
}

}  // namespace

std::vector<c10::Device> Placement::device_of_layers() const {
  std::vector<c10::Device> all;
  for (const int device : layers) all.push_back(devices[static_cast<std::size_t>(device)].device);
  return all;
}

std::string Placement::text() const {
  if (layers.front() == layers.back()) return first().name;
  std::string text;
  for (int begin = 0; begin < layer_count();) {
    int end = begin + 1;
    while (end < layer_count() && !begins(end)) ++end;
    text += (text.empty() ? "" : ", ") + of_layer(begin).name + ": ";
    text += end - begin == 1 ? "layer " + std::to_string(begin)
                             : "layers " + std::to_string(begin) + "-" + std::to_string(end - 1);
    begin = end;
  }
  return text;
}

Placement place_on(const ComputeDevice& device, int layers) {
  return {{device}, std::vector<int>(static_cast<std::size_t>(layers), 0)};
}

Result<Placement> place_layers(const PartBytes& parts, const std::vector<ComputeDevice>& devices) {
  if (auto on_one = filled(parts, {devices.front()}, 1)) return Placement{devices, *on_one};
  auto best = filled(parts, devices, 1);
  if (!best) {
    const double needed =
        std::accumulate(parts.layers.begin(), parts.layers.end(), parts.before + parts.after);
    return fail(ErrorKind::out_of_memory,
                "the model needs about " + memory_text(needed) +
                    " in pieces of whole layers, which do not fit in " + offers(devices) +
                    "; use a narrower dtype (--dtype int8 is the narrowest) or a smaller model");
  }
  double low = 0, high = 1;
  for (int i = 0; i < 20; ++i) {
    const double middle = (low + high) / 2;
    auto tried = filled(parts, devices, middle);
    (tried ? high : low) = middle;
    if (tried) best = std::move(tried);
  }
  return Placement{devices, *best};
}

}  // namespace headscope
