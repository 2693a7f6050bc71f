// The one symbol of libheadscope_torch.so, the module with the real runner (libtorch inside). The
// window opens it on the compute thread, so that it shows before libtorch is loaded; nothing of
// torch is named here.
#pragma once

#include <cstddef>

#include "core/engine/runner.h"

/// Makes the runner, owned by the caller (delete). On failure returns null and writes a message of
/// at most `size` bytes, ending in 0, to `error`. The module must never be closed.
extern "C" headscope::Runner* headscope_create_runner(char* error, std::size_t size);
