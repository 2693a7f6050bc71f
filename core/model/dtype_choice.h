// What `--dtype auto` means. Torch-free.
#pragma once

#include <string>

#include "core/config/config.h"

namespace headscope {

/// A dtype and, for people, why it is that one.
struct DtypeChoice {
  std::string dtype;   ///< "float32", "bfloat16" or "float16"
  std::string reason;  ///< empty where there was nothing to decide
};

/// On a card the stored type, bfloat16 for quantised files. On a processor float32, but bfloat16
/// for quantised files and for weights that are stored so, if a usual run is measured to be faster
/// by a fifth: then nothing of what the file holds is lost. The measurement takes some tenths of a
/// second, once a process and number of threads (machine_rate.h).
DtypeChoice usual_dtype(const ModelConfig& config, bool on_card);

}  // namespace headscope
