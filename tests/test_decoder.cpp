// links: headscope_model headscope_intervention
// The decoder's arithmetic as training uses it: batched, differentiable, on texts packed together.
#include <doctest/doctest.h>

#include <ATen/ATen.h>

#include "core/model/checkpoint.h"
#include "core/model/decoder.h"
#include "tests/model_goldens.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using namespace headscope::test;

namespace {

/// A golden checkpoint's config and weights.
struct Loaded {
  ModelConfig config;
  DecoderWeights weights;
  explicit Loaded(const std::string& name) {
    const std::string folder = golden_folder(name).string();
    config = must(load_config(folder));
    const auto source = must(open_weights(folder));
    REQUIRE(settle_output(*source, config));
    weights = must(load_weights(*source, folder, config, place_on({}, config.layers), {}, {}));
  }
  std::vector<float> logits(const at::Tensor& ids, const DecoderOptions& options = {}) const {
    const auto all = decoder_forward(weights, config, ids, options).contiguous();
    return {all.data_ptr<float>(), all.data_ptr<float>() + all.numel()};
  }
};

}  // namespace

TEST_CASE("the differentiable forward of every family agrees with Hugging Face") {
  for (const std::string& name : golden_models) {
    CAPTURE(name);
    const GoldenModel golden(name);
    const auto ids = at::tensor(at::ArrayRef<std::int32_t>(golden.tokens), at::kLong);
    CHECK(difference(Loaded(name).logits(ids.unsqueeze(0)), golden.logits) < 1e-4f);
  }
}

TEST_CASE("texts packed into one row are those texts: positions, masks and windows") {
  const auto ids =
      at::tensor({5, 17, 99, 3, 60, 8, 121, 44, 7, 70, 71, 2}, at::kLong).view({1, 12});
  DecoderOptions options;
  options.positions = at::cat({at::arange(8), at::arange(4)}, 0).unsqueeze(0);
  options.attention_mask = at::ones({12, 12}, at::kBool).tril();
  options.attention_mask.narrow(0, 8, 4).narrow(1, 0, 8).fill_(false);
  for (const std::string name : {"gemma2", "gemma3", "gpt2"}) {
    CAPTURE(name);
    const Loaded model(name);
    auto expected = model.logits(ids.narrow(1, 0, 8));
    const auto rest = model.logits(ids.narrow(1, 8, 4));
    expected.insert(expected.end(), rest.begin(), rest.end());
    CHECK(difference(model.logits(ids, options), expected) < 1e-5f);
  }
}

TEST_CASE("the scale of embeddings is rounded to their dtype") {
  ModelConfig config = must(load_config(golden_folder("gemma2").string()));
  config.embedding_scale = std::sqrt(3072.0);  // 55.4256, in bfloat16 55.5
  DecoderWeights weights = random_weights(config, 3);
  for (const TensorSlot& slot : tensor_slots(weights, config)) {
    *slot.tensor = slot.tensor->to(at::kBFloat16);
  }
  weights.embedding.weight.fill_(1.1015625);
  const auto ids = at::zeros({1, 1}, at::kLong);
  CHECK(embed(weights, config, ids, ids).max().item<float>() == 61.25f);  // not 61
}

TEST_CASE("only what can be read back is written") {
  const Loaded model("qwen3");
  DecoderWeights weights = model.weights;
  const TemporaryFolder folder;
  const auto written = save_checkpoint(folder.path().string(), weights, model.config);
  REQUIRE_FALSE(written);
  CHECK(written.error().message.find("qwen3") != std::string::npos);
}

TEST_CASE("the differentiable forward has the gradient that finite differences see") {
  for (const std::string name : {"llama_gqa", "gemma2"}) {
    CAPTURE(name);
    ModelConfig config = must(load_config(golden_folder(name).string()));
    config.layers = 1;
    if (name == "gemma2") config.layer_attention = {{2, 0}};  // hides the first of three tokens
    DecoderWeights weights = random_weights(config, 12, 0.3);
    const auto ids = at::tensor({5, 17, 99, 3, 5, 60}, at::kLong).view({2, 3});
    const auto loss = [&] {
      return decoder_forward(weights, config, ids).to(at::kDouble).square().mean();
    };
    for (at::Tensor* tensor : {&weights.layers[0].k.weight, &weights.layers[0].input_norm.weight,
                               &weights.embedding.weight}) {
      tensor->requires_grad_(true);
      loss().backward();
      const auto gradient = tensor->grad().clone();
      tensor->requires_grad_(false);
      const auto step = at::sign(gradient) * 1e-3;
      const double predicted = (gradient * step).sum().item<double>();
      tensor->add_(step);
      const double above = loss().item<double>();
      tensor->sub_(step, 2);
      const double below = loss().item<double>();
      tensor->add_(step);
      CHECK((above - below) / 2 == doctest::Approx(predicted).epsilon(0.02));
    }
  }
}
