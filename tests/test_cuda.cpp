// links: headscope_model headscope_intervention
// A card computes what the processor computes. Skipped where there is no NVIDIA card.
#include <algorithm>

#include "core/intervention/method.h"
#include "core/model/device_report.h"
#include "tests/model_goldens.h"
#include "tests/skip.h"

using namespace headscope;
using namespace headscope::test;

namespace {

constexpr float exact = 1e-4f;
constexpr float narrow = 0.1f;  // bfloat16 through four layers, of logits of about one

std::unique_ptr<Model> on_card(const std::string& name, const std::string& dtype) {
  LoadOptions options;
  options.device = "cuda";
  options.dtype = dtype;
  return must(Model::load(golden_folder(name).string(), options, {}));
}

}  // namespace

TEST_CASE("every family on a card agrees with Hugging Face in fp32") {
  if (!device_report().cuda_usable) SKIP_TEST("no NVIDIA card: " + device_report().cuda_message);
  for (const std::string& name : golden_models) {
    CAPTURE(name);
    const GoldenModel golden(name);
    const auto model = on_card(name, "float32");
    const ForwardResult result = must(model->forward(golden.everything(), {}));
    CHECK(difference(result.logits, golden.logits) < exact);
    CHECK(difference(result.attention.weights, golden.attention) < exact);
    GenerateRequest request;
    request.prompt_ids = golden.prompt_ids();
    request.max_new_tokens = 12;
    const auto ids = must(model->generate(request, {})).ids;  // qwen2 stops at its end token
    REQUIRE_FALSE(ids.empty());
    CHECK(std::equal(ids.begin(), ids.end(), golden.greedy.begin()));
  }
}

TEST_CASE("bfloat16 on a card stays within its rounding") {
  if (!device_report().cuda_usable) SKIP_TEST("no NVIDIA card: " + device_report().cuda_message);
  const GoldenModel golden("llama_gqa");
  const auto model = on_card("llama_gqa", "bfloat16");
  const ForwardResult result = must(model->forward(golden.everything(), {}));
  CHECK(difference(result.attention.weights, golden.attention) < narrow);
  CHECK(must(model->self_check(60, {})).good());
}

TEST_CASE("interventions and span sums on a card are those of the processor") {
  if (!device_report().cuda_usable) SKIP_TEST("no NVIDIA card: " + device_report().cuda_message);
  const GoldenModel golden("llama_gqa");
  const auto card = on_card("llama_gqa", "float32");
  ForwardRequest request = golden.everything();
  request.capture->weights = false;
  request.capture->span_sets = {{0, 1}, {4, 5, 6, 7}};
  const auto call = [](const char* method, double value) {
    return MethodCall{find_method(method), {value}, {4, 5, 6, 7}, {}};
  };
  request.interventions = {{SplitSoftmax{0.2, {4, 5, 6, 7}}, {{0, 1}, {1, 2}}, {}},
                           {call("spotlight", 0.5), {{0, 0}, {0, 1}}, {}},
                           {call("pasta", 0.01), {{1, 0}}, {RowSelection::Kind::from, 9}},
                           {call("instaboost", 3), {{1, 1}, {2, 0}}, {}},
                           {Ablate{true}, {{0, 3}}, {}},
                           {Ablate{}, {{2, 1}}, {RowSelection::Kind::from, 12}}};
  request.prompt_tokens = GoldenModel::prompt;
  const ForwardResult here = must(golden.model->forward(request, {}));
  const ForwardResult there = must(card->forward(request, {}));
  CHECK(difference(here.logits, there.logits) < exact);
  CHECK(difference(here.attention.span_sums, there.attention.span_sums) < exact);
}
