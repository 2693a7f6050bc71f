// The real runner lives in a module of its own, so that the window shows before libtorch is loaded.
#pragma once

#include "core/engine/engine.h"

namespace headscope {

/// Opens libheadscope_torch.so beside the program. Called on the compute thread; the module is
/// never closed. Errors name the file and what the dynamic linker missed.
Engine::RunnerFactory torch_runner_factory();

}  // namespace headscope
