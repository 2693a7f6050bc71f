// A window for scripted tests on the embedded model, through the module with libtorch.
#pragma once

#include <filesystem>
#include <memory>
#include <system_error>

#include "app/shell/runner_module.h"
#include "app/shell/sample_source.h"
#include "tests/ui_stage.h"

namespace headscope::test {

inline constexpr const char* no_embedded_model = "no libheadscope_torch.so in this build";

inline bool has_embedded_model() {
  std::error_code ignored;
  return std::filesystem::exists(build_folder() / "libheadscope_torch.so", ignored);
}

/// As the program begins: split-softmax at 0.1 over the first sample of this kind.
inline std::unique_ptr<Stage> embedded_stage(const SampleWish& wish = {}, float scale = 1) {
  auto stage = Stage::open(torch_runner_factory(), demo_sample_source(), scale);
  stage->state().request.intervention.tau = 0.1;
  stage->state().request.threads = 2;
  stage->state().wish = wish;
  stage->state().new_sample();
  return stage;
}

}  // namespace headscope::test
