// The part of libtorch that our code uses everywhere, parsed once.
#pragma once

#include <torch/torch.h>
