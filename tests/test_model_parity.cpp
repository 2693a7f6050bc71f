// links: headscope_experiment headscope_model headscope_intervention
// The self-check at load finds models whose ways of computing disagree, and only those.
#include <doctest/doctest.h>

#include <cmath>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "core/experiment/accuracy.h"
#include "core/model/checkpoint.h"
#include "core/model/parity.h"
#include "tests/model_goldens.h"

using namespace headscope;
using namespace headscope::test;

namespace {

/// An engine over a golden model's weights, under a config that may be changed.
DecoderEngine engine_of(const std::string& model,
                        const std::function<void(ModelConfig&)>& change = {}) {
  const auto folder = golden_folder(model).string();
  ModelConfig config = must(load_config(folder));
  const auto source = must(open_weights(folder));
  const Placement placement = place_on({}, config.layers);
  auto weights = must(load_weights(*source, folder, config, placement, {at::kFloat}, {}));
  if (change) change(config);
  return {std::move(config), std::move(weights), placement};
}

ParityReport check(const ProbeEngines& engines) {
  const c10::InferenceMode no_gradients;
  return measure_parity(engines, plan_probe(engines.reference, 1e9), {});
}

}  // namespace

TEST_CASE("every family agrees with itself, in every dtype") {
  for (const std::string& name : golden_models) {
    for (const std::string dtype : {"float32", "bfloat16", "int8"}) {
      CAPTURE(name);
      CAPTURE(dtype);
      const auto model = must(Model::load(golden_folder(name).string(), {"cpu", dtype, 1}, {}));
      const auto report = must(model->self_check(60, {}));
      CAPTURE(parity_text(report));
      CHECK(report.good());
      CHECK(report.tokens >= 40);
      CHECK(report.steps == 8);
      if (dtype != "float32") continue;
      CHECK(report.worst() < 0.2);
      // Two kernels that agree to the bit are one kernel, as with soft-caps, which no kernel knows.
      CHECK((report.backend_error > 0) == (model->config().attention_softcap == 0));
    }
  }
}

TEST_CASE("an engine that is wrong in one of its ways is found, and the way is named") {
  const DecoderEngine right = engine_of("llama_gqa");
  REQUIRE(check({right, right, right}).good());
  SUBCASE("rotary embedding") {
    const DecoderEngine wrong =
        engine_of("llama_gqa", [](ModelConfig& config) { config.ropes[0].theta *= 1.5; });
    const auto fused = check({right, wrong, wrong});
    CHECK_FALSE(fused.good());
    CHECK(fused.backend_error > 100 * fused.logit_tolerance);
    CHECK(fused.cache_error < fused.logit_tolerance);
    const auto cached = check({right, right, wrong});
    CHECK_FALSE(cached.good());
    CHECK(cached.cache_error > 100 * cached.logit_tolerance);
    CHECK(cached.backend_error < cached.logit_tolerance);
    CHECK(cached.attention_error > 100 * cached.attention_tolerance);
    CHECK(parity_badge(cached).find("off") != std::string::npos);
  }
  SUBCASE("a window of the cache that is one key too short") {
    const DecoderEngine windowed = engine_of("mistral_window");
    const DecoderEngine wrong = engine_of("mistral_window", [](ModelConfig& config) {
      for (LayerAttention& layer : config.layer_attention) --layer.window;
    });
    REQUIRE(check({windowed, windowed, windowed}).good());
    CHECK_FALSE(check({windowed, windowed, wrong}).good());
  }
}

TEST_CASE("numbers that are none make a bad badge") {
  ParityReport report;
  CHECK_FALSE(report.good());
  CHECK(parity_badge(report) == "parity not checked");
  report.tokens = 40;
  report.logit_tolerance = report.attention_tolerance = 1e-4;
  CHECK(report.good());
  report.attention_error = std::nan("");
  CHECK_FALSE(report.good());
  report.attention_error = 2e-4;
  CHECK_FALSE(report.good());
}

TEST_CASE("a model that is too large for the time given is not checked, and the report says so") {
  const auto model = must(Model::load(golden_folder("llama_gqa").string(), {"cpu", "auto", 1}, {}));
  const auto report = must(model->self_check(0, {}));
  CHECK_FALSE(report.checked());
  CHECK_FALSE(report.note.empty());
  RunContext context;
  context.is_cancelled = [] { return true; };
  const auto cancelled = model->self_check(60, context);
  REQUIRE_FALSE(cancelled);
  CHECK(cancelled.error().kind == ErrorKind::cancelled);
}

TEST_CASE("differences of next-token distributions, by hand") {
  const auto logs = [](std::vector<double> p) {
    std::vector<float> out;
    for (const double x : p) out.push_back(static_cast<float>(std::log(x)));
    return out;
  };
  const auto exact = logs({0.5, 0.25, 0.25, 0.1, 0.8, 0.1});
  const auto narrow = logs({0.25, 0.5, 0.25, 0.1, 0.8, 0.1});
  const auto report = compare_log_probabilities(exact, narrow, 3);
  CHECK(report.tokens == 2);
  CHECK(report.largest == doctest::Approx(std::log(2.0)));
  CHECK(report.mean == doctest::Approx(2 * std::log(2.0) / 6));
  CHECK(report.divergence == doctest::Approx(0.25 * std::log(2.0) / 2));
  CHECK(report.same_first == doctest::Approx(0.5));
}
