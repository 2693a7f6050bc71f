#include "core/runner/companions.h"

namespace headscope {

Companions read_companions(const std::filesystem::path&, const ModelConfig&) {
  return {};
}

}  // namespace headscope
