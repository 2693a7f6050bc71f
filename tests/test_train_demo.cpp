// links: headscope_training headscope_demo_world headscope_model headscope_text headscope_base
// timeout: 300
#include "core/training/train_demo.h"

#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include "core/base/file.h"
#include "core/base/safetensors.h"
#include "core/config/config.h"
#include "tests/temporary_folder.h"

using namespace headscope;
namespace fs = std::filesystem;
using headscope::test::TemporaryFolder;

namespace {

TrainDemoOptions small(const fs::path& folder) {
  TrainDemoOptions options;
  options.folder = folder;
  options.threads = 1;
  options.tokens_per_step = 256;
  options.evaluation_samples = 2;
  for (DemoStage& stage : options.stages) stage.steps = 3;
  return options;
}

std::string weights_of(const fs::path& folder) {
  auto bytes = read_text_file(folder / "model.safetensors");
  REQUIRE_MESSAGE(bytes.has_value(), bytes.error().message);
  return *bytes;
}

/// Cancels when it has been asked `times` times; asked once per step.
RunContext stopping_after(int times) {
  RunContext context;
  context.is_cancelled = [left = times]() mutable { return --left < 0; };
  return context;
}

}  // namespace

TEST_CASE("training is repeatable from a seed, and continues bit for bit") {
  const TemporaryFolder whole, parts, other;
  const auto report = train_demo(small(whole.path()), {});
  REQUIRE_MESSAGE(report.has_value(), report.error().message);
  CHECK(report->steps == 9);

  // Stopped inside a stage and again at the border of two.
  for (const int steps : {1, 3}) {
    const auto stopped = train_demo(small(parts.path()), stopping_after(steps));
    REQUIRE_FALSE(stopped.has_value());
    CHECK(stopped.error().kind == ErrorKind::cancelled);
    CHECK(fs::exists(parts.path() / "training.safetensors"));
  }
  const auto continued = train_demo(small(parts.path()), {});
  REQUIRE_MESSAGE(continued.has_value(), continued.error().message);
  CHECK(continued->steps == report->steps);
  CHECK(continued->tokens == report->tokens);
  CHECK_FALSE(fs::exists(parts.path() / "training.safetensors"));
  CHECK(weights_of(parts.path()) == weights_of(whole.path()));

  TrainDemoOptions reseeded = small(other.path());
  reseeded.seed = 2;
  REQUIRE(train_demo(reseeded, {}).has_value());
  CHECK(weights_of(other.path()) != weights_of(whole.path()));
}

TEST_CASE("a checkpoint of another training is refused") {
  const TemporaryFolder folder;
  REQUIRE_FALSE(train_demo(small(folder.path()), stopping_after(1)).has_value());
  TrainDemoOptions reseeded = small(folder.path());
  reseeded.seed = 7;
  const auto refused = train_demo(reseeded, {});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().kind == ErrorKind::bad_input);
}

TEST_CASE("the folder is an ordinary checkpoint of at most 8 MB, and training reduces the loss") {
  const TemporaryFolder folder;
  TrainDemoOptions options = small(folder.path());
  options.tokens_per_step = 1024;
  options.stages.resize(1);
  options.stages[0].steps = 40;
  const auto report = train_demo(options, {});
  REQUIRE(report.has_value());
  CHECK(report->value_loss < 6.5);  // a running mean that starts near 7
  const auto config = load_config(folder.path().string());
  REQUIRE_MESSAGE(config.has_value(), config.error().message);
  CHECK(config->model_type == "llama");
  CHECK(fs::file_size(folder.path() / "model.safetensors") < 8'000'000);
  CHECK(fs::exists(folder.path() / "tokenizer.json"));
  CHECK(fs::exists(folder.path() / "tokenizer_config.json"));
}
