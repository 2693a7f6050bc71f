// New samples from the embedded model's world.
#pragma once

#include "app/views/app_state.h"

namespace headscope {

/// Samples about people of the test split, whom the embedded model never saw.
SampleSource demo_sample_source();

}  // namespace headscope
