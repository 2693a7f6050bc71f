// The part of libtorch that our code uses everywhere, parsed once. Measured: with it, a file that includes
// <ATen/ATen.h> compiles in 1.0 s instead of 5.4 s. <torch/torch.h> in here would cost every file 3.8 s and 1.1 GB;
// the few files that need autograd or an optimiser include just that header.
#pragma once

#include <ATen/ATen.h>
