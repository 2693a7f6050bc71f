// Which layer lies on which device, when a model is larger than one of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/model/device.h"

namespace headscope {

/// Bytes of a model's parts, in the order in which they run.
struct PartBytes {
  double before = 0;           ///< embeddings
  std::vector<double> layers;  ///< weights of each layer and its keys and values
  double after = 0;            ///< final norm and output matrix
};

/// Consecutive layers on each device. Embeddings are with the first layer; the final norm is with
/// the last one, and so is the output matrix unless it is the embedding.
struct Placement {
  std::vector<ComputeDevice> devices;
  std::vector<int> layers;  ///< per layer: index of its device

  int layer_count() const { return static_cast<int>(layers.size()); }
  const ComputeDevice& first() const { return devices[static_cast<std::size_t>(layers.front())]; }
  const ComputeDevice& last() const { return devices[static_cast<std::size_t>(layers.back())]; }
  const ComputeDevice& of_layer(int layer) const {  ///< where it lies
    return devices[static_cast<std::size_t>(layers[static_cast<std::size_t>(layer)])];
  }
  /// Whether `layer` is on another device than the layer below it.
  bool begins(int layer) const {
    const auto at = static_cast<std::size_t>(layer);
    return layer > 0 && layers[at] != layers[at - 1];
  }
  std::vector<c10::Device> device_of_layers() const;  ///< one entry a layer
  /// "cpu", or "cuda:0 (name): layers 0-13, cuda:1 (name): layers 14-27".
  std::string text() const;
};

/// Everything on one device.
Placement place_on(const ComputeDevice& device, int layers);

/// Everything on the first device if it fits there, else consecutive layers on all of them, each
/// filled to the same share of its bytes, so that the room left for longer prompts is shared too.
/// Errors: out_of_memory with what is needed and what every device offers.
Result<Placement> place_layers(const PartBytes& parts, const std::vector<ComputeDevice>& devices);

}  // namespace headscope
