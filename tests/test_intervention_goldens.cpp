// links: headscope_model headscope_intervention
// Every intervention against an independent Python implementation of method.md 2 to 4, and the
// identities that hold without any reference.
#include <map>

#include "core/base/json.h"
#include "core/intervention/method.h"
#include "tests/model_goldens.h"

using namespace headscope;
using namespace headscope::test;

namespace {

constexpr float tolerance = 1e-4f;

/// Plain attention; soft-caps and windows; q/k norm, windows, two rotary embeddings and a scale of
/// the model's own; q/k norm, biases and windows; heads without groups, fused projections.
const std::vector<std::string> edited_models = {"llama_gqa", "gemma2", "gemma3", "qwen3_window",
                                                "gpt_neox"};

struct InterventionGoldens : GoldenModel {
  SafetensorsFile file;
  Json cases;
  std::vector<std::shared_ptr<const Directions>> directions;

  explicit InterventionGoldens(const std::string& name = "llama_gqa")
      : GoldenModel(name),
        file(must(SafetensorsFile::open(golden_folder(name) / "interventions.safetensors"))),
        cases(must(read_json_file(golden_folder(name) / "interventions.json"))["cases"]) {
    const auto query = must(file.floats("query")), key = must(file.floats("key"));
    const ModelConfig& config = model->config();
    const auto size = static_cast<std::size_t>(config.layers * config.heads * config.head_dim);
    for (std::size_t i = 0; i < 2; ++i) {
      Directions one{config.layers, config.heads, config.head_dim, {}, {}};
      one.query.assign(query.begin() + i * size, query.begin() + (i + 1) * size);
      one.key.assign(key.begin() + i * size, key.begin() + (i + 1) * size);
      directions.push_back(std::make_shared<Directions>(one));
    }
  }

  Intervention read(const Json& edit) const {
    Intervention out;
    for (const Json& head : edit["heads"])
      out.heads.push_back({head[0].get<int>(), head[1].get<int>()});
    if (edit["rows"] == "response") out.rows.kind = RowSelection::Kind::response;
    if (edit["rows"].is_number())
      out.rows = {RowSelection::Kind::from, edit["rows"].get<std::int64_t>()};
    out.method = call(edit);
    return out;
  }

  MethodCall call(const Json& edit) const {
    if (edit["method"] == "focus") {
      return Focus{edit["alpha"].get<double>(), directions[edit["directions"].get<std::size_t>()],
                   edit["use_key"].get<bool>()};
    }
    if (edit["method"] == "ablate") return Ablate{edit["replace"] == "mean"};
    const InterventionMethod* method = find_method(edit["method"].get<std::string>());
    REQUIRE(method != nullptr);
    const char* parameter = method->parameters[0].name;
    return {method, {edit[parameter].get<double>()}, edit["marked"].get<TokenSet>(), {}};
  }

  std::vector<Intervention> interventions(const std::string& name) const {
    std::vector<Intervention> out;
    for (const Json& edit : cases[name]) out.push_back(read(edit));
    return out;
  }

  std::vector<HeadId> all_heads() const {
    std::vector<HeadId> out;
    for (int l = 0; l < model->config().layers; ++l) {
      for (int h = 0; h < model->config().heads; ++h) out.push_back({l, h});
    }
    return out;
  }

  ForwardResult run(std::vector<Intervention> list,
                    AttentionBackend backend = AttentionBackend::fused) const {
    ForwardRequest request = everything();
    request.interventions = std::move(list);
    request.prompt_tokens = prompt;
    request.backend = backend;
    return must(model->forward(request, {}));
  }

  void check_generation(const std::string& name, bool use_cache, bool capture) const {
    const auto expected = to_ids(must(file.floats(name + ".greedy")));
    GenerateRequest request;
    request.prompt_ids = prompt_ids();
    request.max_new_tokens = static_cast<int>(expected.size());
    request.interventions = interventions(name);
    request.use_cache = use_cache;
    if (capture) request.capture = Capture{};
    const Generation got = must(model->generate(request, {}));
    CHECK(got.ids == expected);
    if (!capture) return;
    // Teacher forcing over the same tokens sees the same attention.
    request.forced_response = got.ids;
    const Generation forced = must(model->generate(request, {}));
    CHECK(difference(got.attention.weights, forced.attention.weights) < 1e-5f);
  }
};

}  // namespace

TEST_CASE("interventions agree with the Python reference: logits and attention of every row") {
  for (const std::string& model : edited_models) {
    const InterventionGoldens golden(model);
    REQUIRE(golden.cases.size() >= (model == "llama_gqa" ? 22 : 2));
    for (const auto& [name, edits] : golden.cases.items()) {
      for (const auto backend : {AttentionBackend::reference, AttentionBackend::fused}) {
        CAPTURE(model);
        CAPTURE(name);
        const ForwardResult got = golden.run(golden.interventions(name), backend);
        CHECK(difference(got.logits, must(golden.file.floats(name + ".logits"))) < tolerance);
        if (golden.file.find(name + ".attention") != nullptr) {
          CHECK(difference(got.attention.weights, must(golden.file.floats(name + ".attention"))) <
                tolerance);
        }
        CHECK(difference(got.logits, golden.logits) > 0.01f);  // the case does change something
      }
    }
  }
}

TEST_CASE("logits without a capture are those with one: the output form of split-softmax") {
  for (const std::string& model : edited_models) {
    const InterventionGoldens golden(model);
    for (const auto& [name, edits] : golden.cases.items()) {
      CAPTURE(model);
      CAPTURE(name);
      ForwardRequest request = golden.everything();
      request.interventions = golden.interventions(name);
      request.prompt_tokens = GoldenModel::prompt;
      request.capture.reset();
      const ForwardResult got = must(golden.model->forward(request, {}));
      CHECK(difference(got.logits, must(golden.file.floats(name + ".logits"))) < tolerance);
    }
  }
}

TEST_CASE(
    "generation under interventions agrees with the reference, with and without cache and "
    "capture") {
  for (const std::string& model : edited_models) {
    const InterventionGoldens golden(model);
    for (const auto& [name, edits] : golden.cases.items()) {
      for (const bool use_cache : {true, false}) {
        for (const bool capture : {true, false}) {
          CAPTURE(model);
          CAPTURE(name);
          CAPTURE(use_cache);
          CAPTURE(capture);
          golden.check_generation(name, use_cache, capture);
        }
      }
    }
  }
}

TEST_CASE("tau = 1 and alpha = 0 are the identity, to the bit") {
  const InterventionGoldens golden;
  const ForwardResult plain = golden.run({});
  const auto heads = golden.all_heads();
  const ForwardResult tau = golden.run({{SplitSoftmax{1.0, {3, 4}}, heads, {}}});
  CHECK(tau.logits == plain.logits);
  CHECK(tau.attention.weights == plain.attention.weights);
  const ForwardResult alpha = golden.run({{Focus{0.0, golden.directions[0], true}, heads, {}}});
  CHECK(alpha.logits == plain.logits);
  CHECK(alpha.attention.weights == plain.attention.weights);
}

TEST_CASE("almost the identity changes almost nothing, but something") {
  const InterventionGoldens golden;
  const auto heads = golden.all_heads();
  const std::vector<Intervention> list[] = {
      {{SplitSoftmax{1.0 - 1e-4, {3, 4}}, heads, {}}},
      {{Focus{1e-4, golden.directions[0], false}, heads, {}}}};
  for (const auto& almost : list) {
    for (const auto backend : {AttentionBackend::reference, AttentionBackend::fused}) {
      const ForwardResult plain = golden.run({}, backend);
      const ForwardResult got = golden.run(almost, backend);
      const float change = difference(got.attention.weights, plain.attention.weights);
      CHECK(change > 2e-6f);
      CHECK(change < 3e-3f);
      CHECK(difference(got.logits, plain.logits) > 1e-5f);
      CHECK(difference(got.logits, plain.logits) < 3e-2f);
    }
  }
}

TEST_CASE("the key half of a direction does nothing but round") {
  const InterventionGoldens golden;
  Directions keys_only = *golden.directions[0];
  std::fill(keys_only.query.begin(), keys_only.query.end(), 0.0f);
  const auto shared = std::make_shared<Directions>(keys_only);
  const ForwardResult plain = golden.run({});
  const ForwardResult got = golden.run({{Focus{1.0, shared, true}, golden.all_heads(), {}}});
  CHECK(difference(got.attention.weights, plain.attention.weights) < 1e-5f);
}

TEST_CASE("span sums before the split are those of the focused weights") {
  const InterventionGoldens golden;
  ForwardRequest request = golden.everything();
  request.prompt_tokens = GoldenModel::prompt;
  request.capture->span_sets = {{4, 5, 6, 7}};
  request.capture->edited_also = true;
  request.interventions = {{SplitSoftmax{0.1, {4, 5, 6, 7}}, {{0, 1}}, {}}};
  const CapturedAttention got = must(golden.model->forward(request, {})).attention;
  const CapturedAttention plain = must(golden.model->forward(
                                           [&] {
                                             ForwardRequest untouched = request;
                                             untouched.interventions.clear();
                                             return untouched;
                                           }(),
                                           {}))
                                      .attention;
  // Layer 0 is fed the same input, so its masses before the split are the plain ones.
  const auto first_layer = [&](const std::vector<float>& all) {
    return std::vector<float>(all.begin(),
                              all.begin() + static_cast<std::ptrdiff_t>(all.size() / 3));
  };
  CHECK(difference(first_layer(got.span_sums_before), first_layer(plain.span_sums)) < 1e-6f);
  // p' = p^tau on the touched head, wherever the span is visible and not everything.
  for (std::int64_t row = 8; row < golden.length(); ++row) {
    const auto at = static_cast<std::size_t>(1 * golden.length() + row);
    CHECK(got.span_sums[at] == doctest::Approx(std::pow(plain.span_sums[at], 0.1)).epsilon(1e-4));
  }
}

/// In layer 0 (same input): a' is proportional to a * exp(alpha * bias).
void check_focus_bias(const InterventionGoldens& golden) {
  const ModelConfig& config = golden.model->config();
  GenerateRequest run;  // prompt and response are the same to it
  run.prompt_ids.assign(golden.tokens.begin(), golden.tokens.begin() + 5);
  run.forced_response.assign(golden.tokens.begin() + 5, golden.tokens.end());
  const auto bias = must(golden.model->focus_bias(run, *golden.directions[0], {}));
  const std::int64_t tokens = golden.length();
  REQUIRE(static_cast<std::int64_t>(bias.size()) == config.layers * config.heads * tokens);
  const double alpha = 0.3;
  const auto got =
      golden.run({{Focus{alpha, golden.directions[0], false}, {{0, 2}}, {}}}).attention.weights;
  std::vector<float> expected, edited;
  for (std::int64_t row = 0; row < tokens; ++row) {
    const auto from = static_cast<std::size_t>((2 * tokens + row) * tokens);
    double total = 0;
    std::vector<double> scaled;
    for (std::int64_t j = 0; j < tokens; ++j) {
      const double b = bias[static_cast<std::size_t>(2 * tokens + j)];
      scaled.push_back(golden.attention[from + static_cast<std::size_t>(j)] * std::exp(alpha * b));
      total += scaled.back();
    }
    for (const double s : scaled) expected.push_back(static_cast<float>(s / total));
    edited.insert(edited.end(), got.begin() + static_cast<std::ptrdiff_t>(from),
                  got.begin() + static_cast<std::ptrdiff_t>(from) + tokens);
  }
  CHECK(difference(edited, expected) < tolerance);
}

TEST_CASE("focus_bias is what alpha multiplies, with the model's own scale and windows") {
  check_focus_bias(InterventionGoldens("llama_gqa"));
  check_focus_bias(InterventionGoldens("gemma3"));
}

TEST_CASE("under a soft-cap the key half does act") {
  const InterventionGoldens golden("gemma2");
  Directions keys_only = *golden.directions[0];
  std::fill(keys_only.query.begin(), keys_only.query.end(), 0.0f);
  const auto shared = std::make_shared<Directions>(keys_only);
  const ForwardResult plain = golden.run({});
  const ForwardResult got = golden.run({{Focus{1.0, shared, true}, golden.all_heads(), {}}});
  CHECK(difference(got.attention.weights, plain.attention.weights) > 0.01f);
}
