// links: headscope_model headscope_intervention
// Loading what is damaged, running what cannot run, sampling, cancelling, running out of memory.
#include <ATen/Parallel.h>
#include <doctest/doctest.h>

#include <fstream>
#include <set>

#include "core/base/json.h"
#include "core/intervention/method.h"
#include "core/model/decoder.h"
#include "core/model/device_report.h"
#include "core/model/memory.h"
#include "core/model/sampler.h"
#include "tests/model_goldens.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using namespace headscope::test;
namespace fs = std::filesystem;

namespace {

const LoadOptions on_cpu{"cpu", "auto", 1};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A copy of a golden checkpoint to damage.
struct Damaged {
  TemporaryFolder folder;
  explicit Damaged(const std::string& model) {
    for (const auto& entry : fs::directory_iterator(golden_folder(model))) {
      fs::copy(entry.path(), folder.path() / entry.path().filename());
    }
  }
  void change_config(const std::function<void(Json&)>& change) const {
    Json json = must(read_json_file(folder / "config.json"));
    change(json);
    std::ofstream(folder / "config.json") << json.dump();
  }
  /// Rewrites model.safetensors without `left_out` and with one more tensor if `added` is named.
  void change_tensors(const std::string& left_out, const std::string& added,
                      DType dtype = DType::f32) const {
    const auto file = must(SafetensorsFile::open(folder / "model.safetensors"));
    std::vector<TensorToWrite> tensors;
    const std::vector<float> extra(6, 0.5f);
    for (const auto& [name, info] : file.tensors()) {
      if (name != left_out)
        tensors.push_back({name, info.dtype, info.shape, must(file.bytes(name))});
    }
    if (!added.empty()) {
      const auto size = static_cast<std::size_t>(6 * dtype_bits(dtype) / 8);
      tensors.push_back({added, dtype, {2, 3}, std::as_bytes(std::span(extra)).first(size)});
    }
    REQUIRE(write_safetensors(folder / "changed", tensors));
    fs::rename(folder / "changed", folder / "model.safetensors");
  }
  Error error() const {
    const auto model = Model::load(folder.path().string(), on_cpu, {});
    if (model) return {ErrorKind::internal, "it loaded"};
    return model.error();
  }
};

Error forward_error(Model& model, const ForwardRequest& request) {
  const auto result = model.forward(request, {});
  return result ? Error{ErrorKind::internal, "it ran"} : result.error();
}

Error generate_error(Model& model, const GenerateRequest& request) {
  const auto result = model.generate(request, {});
  return result ? Error{ErrorKind::internal, "it ran"} : result.error();
}

}  // namespace

TEST_CASE("damaged checkpoints are bad input, and the tensor or file is named") {
  const auto check = [](const Damaged& damaged, const std::string& part) {
    const Error error = damaged.error();
    CAPTURE(error.message);
    CHECK(error.kind == ErrorKind::bad_input);
    CHECK(has(error.message, part));
  };
  {
    Damaged d("llama_gqa");
    CHECK(Model::load(d.folder.path().string(), on_cpu, {}));  // the copy itself is fine
    fs::resize_file(d.folder / "model.safetensors",
                    fs::file_size(d.folder / "model.safetensors") - 8);
    check(d, "model.safetensors");
  }
  {
    Damaged d("llama_gqa");
    d.change_tensors("model.layers.1.mlp.up_proj.weight", "");
    check(d, "missing: model.layers.1.mlp.up_proj.weight");
  }
  {
    Damaged d("llama_gqa");
    d.change_tensors("", "model.layers.0.self_attn.q_norm.weight");
    check(d, "model.layers.0.self_attn.q_norm.weight");
  }
  {
    Damaged d("llama_gqa");
    d.change_tensors("model.layers.2.mlp.gate_proj.weight", "model.layers.2.mlp.gate_proj.weight");
    check(d, "model.layers.2.mlp.gate_proj.weight is [2, 3], config.json calls for [48, 32]");
  }
  {
    Damaged d("llama_gqa");
    d.change_config([](Json& json) { json["num_hidden_layers"] = 4; });
    check(d, "model.layers.3.");
  }
  {
    Damaged d("llama_gqa");
    d.change_config([](Json& json) { json["num_hidden_layers"] = 2; });
    check(d, "model.layers.2.");
  }
  {
    Damaged d("llama_gqa");
    d.change_config([](Json& json) { json["num_key_value_heads"] = 4; });
    check(d, "k_proj.weight");
  }
  {
    Damaged d("llama_sharded_fp16");
    fs::remove(d.folder / "model-00002-of-00003.safetensors");
    check(d, "model-00002-of-00003.safetensors");
  }
  {
    Damaged d("llama_gqa");
    fs::remove(d.folder / "model.safetensors");
    check(d, "model.safetensors");
  }
}

TEST_CASE("a stored output matrix counts although config.json ties it, with a note") {
  const Damaged d("llama_gqa");
  d.change_config([](Json& json) { json["tie_word_embeddings"] = true; });
  const auto model = must(Model::load(d.folder.path().string(), on_cpu, {}));
  const GoldenModel golden("llama_gqa");
  CHECK(difference(must(model->forward(golden.everything(), {})).logits, golden.logits) < 1e-4f);
  REQUIRE(model->config().notes.size() == 1);
  CHECK(has(model->config().notes[0], "lm_head.weight"));
}

TEST_CASE("saved weights are loaded back: same logits as the differentiable forward") {
  for (const bool with_extras : {false, true}) {
    ModelConfig config =
        must(Model::load(golden_folder("llama_gqa").string(), on_cpu, {}))->config();
    config.layers = 2;
    config.eos_ids = {4, 5};
    config.tie_word_embeddings = with_extras;
    config.attention_bias = config.attention_output_bias = config.mlp_bias = with_extras;
    if (with_extras) config.ropes = {{"llama3", 100.0, 4.0, 1.0, 4.0, 32}};
    DecoderWeights weights = random_weights(config, 11, 0.4);
    const TemporaryFolder folder;
    REQUIRE(save_checkpoint((folder / "saved").string(), weights, config));
    const auto model = must(Model::load((folder / "saved").string(), on_cpu, {}));
    CHECK(model->config().eos_ids == config.eos_ids);
    CHECK(model->config().ropes.front().type == config.ropes.front().type);
    ForwardRequest request;
    request.ids = {3, 1, 4, 1, 5, 9, 2, 6, 5, 35, 89, 79};
    request.logit_rows = {0, 12};
    const auto got = must(model->forward(request, {})).logits;
    // A batch of two rows, so that the batch dimension is really one.
    const auto ids = at::tensor(at::ArrayRef<std::int32_t>(request.ids), at::kLong).view({2, 6});
    const auto all = at::cat({ids.view({1, 12}), ids.flip(0).view({1, 12})}, 0);
    const auto logits = decoder_forward(weights, config, all)[0].contiguous();
    CHECK(difference(got, {logits.data_ptr<float>(), logits.data_ptr<float>() + logits.numel()}) <
          1e-4f);
  }
}

TEST_CASE("a prompt of several chunks is one pass: logits, captured rows, interventions") {
  ModelConfig config = must(Model::load(golden_folder("llama_gqa").string(), on_cpu, {}))->config();
  config.context_length = 2048;
  DecoderWeights weights = random_weights(config, 13, 0.3);
  const TemporaryFolder folder;
  REQUIRE(save_checkpoint(folder.path().string(), weights, config));
  const auto model = must(Model::load(folder.path().string(), on_cpu, {}));
  ForwardRequest request;
  for (std::int32_t i = 0; i < 1100; ++i) request.ids.push_back((i * i + 3 * i) % 131);
  int chunks = 0;
  RunContext context;
  context.on_progress = [&](const Progress&) { ++chunks; };
  request.logit_rows = {0, 1100};
  const auto got = must(model->forward(request, context)).logits;
  REQUIRE(chunks >= 3);
  const auto ids = at::tensor(at::ArrayRef<std::int32_t>(request.ids), at::kLong).view({1, 1100});
  const auto logits = decoder_forward(weights, config, ids).contiguous();
  CHECK(difference(got, {logits.data_ptr<float>(), logits.data_ptr<float>() + logits.numel()}) <
        2e-4f);

  // Rows on both sides of a chunk's end are the head map's, and both backends edit them alike.
  request.logit_rows = {1000, 1100};
  request.capture = Capture{};
  request.capture->rows = {505, 520};
  const auto call = [](const char* method, double value, TokenSet marked) {
    return MethodCall{find_method(method), {value}, std::move(marked), {}};
  };
  request.interventions = {{SplitSoftmax{0.2, {3, 400, 511, 512, 600}}, {{0, 1}, {2, 3}}, {}},
                           {SplitSoftmax{0.5, {0, 1}}, {{1, 0}}, {RowSelection::Kind::from, 509}},
                           {call("spotlight", 0.4, {7, 300, 513}), {{0, 2}, {2, 3}}, {}},
                           {call("pasta", 0.01, {30, 31}), {{1, 1}}, {}},
                           {call("instaboost", 3, {5, 514}), {{2, 0}, {2, 3}}, {}},
                           {Ablate{true}, {{0, 0}, {1, 2}}, {RowSelection::Kind::from, 300}},
                           {Ablate{}, {{1, 3}}, {RowSelection::Kind::from, 700}}};
  const ForwardResult fused = must(model->forward(request, {}));
  request.backend = AttentionBackend::reference;
  const ForwardResult reference = must(model->forward(request, {}));
  CHECK(difference(fused.logits, reference.logits) < 2e-4f);
  CHECK(difference(fused.attention.weights, reference.attention.weights) < 1e-5f);
  const HeadMap map = must(model->head_map(request.ids, {2, 3}, request.interventions, {}));
  const auto head = fused.attention.weights.end() - 15 * 1100;  // the last of the last layer
  CHECK(difference({head, fused.attention.weights.end()},
                   {map.weights.begin() + 505 * 1100, map.weights.begin() + 520 * 1100}) < 1e-5f);
}

TEST_CASE("prompts and requests that cannot run say why") {
  const GoldenModel golden("llama_gqa");
  Model& model = *golden.model;
  GenerateRequest generate;
  CHECK(has(generate_error(model, generate).message, "empty"));
  generate.prompt_ids.assign(257, 1);
  CHECK(has(generate_error(model, generate).message, "257"));
  generate.prompt_ids = {1, 131};
  CHECK(has(generate_error(model, generate).message, "131"));
  generate.prompt_ids = {1, -1};
  CHECK(generate_error(model, generate).kind == ErrorKind::bad_input);
  generate.prompt_ids = {1, 2};
  generate.max_new_tokens = -1;
  CHECK(generate_error(model, generate).kind == ErrorKind::usage);
  generate.max_new_tokens = 1;
  generate.sampling.temperature = -1;
  CHECK(has(generate_error(model, generate).message, "temperature"));
  generate.sampling = {1.0, 0, 0.0, 0};
  CHECK(has(generate_error(model, generate).message, "top-p"));
  generate.sampling = {};
  generate.interventions = {{SplitSoftmax{0.5, {2}}, {{0, 0}}, {}}};
  CHECK(has(generate_error(model, generate).message, "outside the prompt"));

  ForwardRequest forward = golden.everything();
  forward.logit_rows = {0, golden.length() + 1};
  CHECK(has(forward_error(model, forward).message, "rows 0:29"));
  forward = golden.everything();
  forward.capture->rows = {-1, 2};
  CHECK(has(forward_error(model, forward).message, "rows"));
  forward = golden.everything();
  forward.capture->layers = {0, 4};
  CHECK(has(forward_error(model, forward).message, "layers"));
  CHECK_FALSE(model.head_map(golden.tokens, {3, 0}, {}, {}));
  generate = {};
  generate.prompt_ids = golden.tokens;
  CHECK_FALSE(model.focus_bias(generate, Directions{}, {}));
}

TEST_CASE("generation stops at the context's end and at length limits") {
  const GoldenModel golden("llama_gqa");
  GenerateRequest request;
  request.prompt_ids.assign(253, 7);
  request.max_new_tokens = 100;
  request.capture = Capture{};
  const Generation full = must(golden.model->generate(request, {}));
  CHECK(full.ids.size() == 3);
  CHECK_FALSE(full.stopped_at_eos);
  CHECK(full.attention.rows == TokenRange{252, 256});
  request.prompt_ids.assign(256, 7);
  CHECK(must(golden.model->generate(request, {})).ids.empty());
  request.prompt_ids = golden.prompt_ids();
  request.max_new_tokens = 0;
  const Generation none = must(golden.model->generate(request, {}));
  CHECK(none.ids.empty());
  CHECK(none.attention.rows == TokenRange{19, 20});
}

TEST_CASE("candidates, log-probabilities and streaming follow the chosen tokens") {
  const GoldenModel golden("llama_gqa");
  GenerateRequest request;
  request.prompt_ids = golden.prompt_ids();
  request.max_new_tokens = 6;
  request.candidates = 4;
  std::vector<std::int32_t> streamed;
  request.on_token = [&](std::int32_t id) { streamed.push_back(id); };
  const Generation got = must(golden.model->generate(request, {}));
  CHECK(streamed == got.ids);
  REQUIRE(got.candidates.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) {
    REQUIRE(got.candidates[i].size() == 4);
    CHECK(got.candidates[i][0].id == got.ids[i]);
    CHECK(got.candidates[i][0].probability >= got.candidates[i][1].probability);
    CHECK(std::log(got.candidates[i][0].probability) ==
          doctest::Approx(got.log_probabilities[i]).epsilon(1e-4));
  }
}

TEST_CASE("sampling: seeded, and inside top-k and top-p") {
  const std::vector<float> logits = {0.0f, 3.0f, 2.0f, 3.0f, -1.0f};
  CHECK(*argmax(logits) == 1);  // the lowest of the equal ones
  CHECK_FALSE(argmax(std::vector<float>{0.0f, std::nanf("")}));
  const auto seen = [&](Sampling sampling, int draws) {
    Sampler sampler = must(Sampler::create(sampling));
    std::vector<int> counts(5, 0);
    for (int i = 0; i < draws; ++i) ++counts[static_cast<std::size_t>(must(sampler.pick(logits)))];
    return counts;
  };
  CHECK(seen({0.0, 0, 1.0, 1}, 10) == std::vector<int>{0, 10, 0, 0, 0});
  CHECK(seen({1.0, 0, 1.0, 1}, 500) == seen({1.0, 0, 1.0, 1}, 500));
  CHECK(seen({1.0, 0, 1.0, 1}, 500) != seen({1.0, 0, 1.0, 2}, 500));
  const auto top_two = seen({5.0, 2, 1.0, 3}, 400);
  CHECK(top_two[1] + top_two[3] == 400);
  CHECK(std::min(top_two[1], top_two[3]) > 120);
  // softmax: 0.409, 0.409, 0.150, 0.020, 0.007: three tokens reach 0.9
  const auto nucleus = seen({1.0, 0, 0.9, 4}, 2000);
  CHECK(nucleus[0] + nucleus[4] == 0);
  CHECK(nucleus[2] > 2000 * 0.155 * 0.7);
  const auto free = seen({1.0, 0, 1.0, 5}, 20000);
  CHECK(free[1] == doctest::Approx(20000 * 0.4085).epsilon(0.05));
  CHECK(free[2] == doctest::Approx(20000 * 0.1503).epsilon(0.08));
}

TEST_CASE("cancellation is polled in every layer and at every token") {
  const GoldenModel golden("llama_gqa");
  const int layers = golden.model->config().layers;
  GenerateRequest request;
  request.prompt_ids = golden.prompt_ids();
  request.max_new_tokens = 4;
  int polls = 0, stop_at = 1 << 30;
  RunContext context;
  context.is_cancelled = [&] { return ++polls >= stop_at; };
  REQUIRE(golden.model->generate(request, context));
  const int all = polls;
  CHECK(all >= 2 * layers * 4);  // attention and MLP of each layer: the prompt and three steps
  for (stop_at = 1; stop_at <= all; stop_at += 3) {
    polls = 0;
    const auto result = golden.model->generate(request, context);
    REQUIRE_FALSE(result);
    CHECK(result.error().kind == ErrorKind::cancelled);
    CHECK(polls == stop_at);  // nothing went on after it
  }
  stop_at = 1;
  CHECK(Model::load(golden_folder("llama_gqa").string(), on_cpu, context).error().kind ==
        ErrorKind::cancelled);
}

TEST_CASE("a budget that is too small is an error with an estimate, and the model stays usable") {
  const GoldenModel golden("llama_gqa");
  ForwardRequest request = golden.everything();
  const auto expected = must(golden.model->forward(request, {})).logits;
  const auto used = memory_in_use();
  CHECK(used >= static_cast<std::uint64_t>(golden.model->parameters()) * 4);
  set_memory_budget(used + 4096);
  Error error = forward_error(*golden.model, request);
  CHECK(error.kind == ErrorKind::out_of_memory);
  CHECK(has(error.message, "MiB"));
  error = Damaged("llama_gqa").error();
  CHECK(error.kind == ErrorKind::out_of_memory);
  CHECK(has(error.message, "bfloat16"));
  // Below the estimate's resolution the allocator itself says no, in the middle of the run.
  CHECK_THROWS_AS(at::empty({1 << 20}), MemoryLimitReached);
  CHECK(memory_in_use() == used);
  set_memory_budget(std::nullopt);
  CHECK(must(golden.model->forward(request, {})).logits == expected);  // and to the bit
}

TEST_CASE("a generation whose rows would not fit is refused, and told which policy would fit") {
  const GoldenModel golden("llama_gqa");
  GenerateRequest request;
  request.prompt_ids.assign(150, 9);
  request.max_new_tokens = 100;
  request.capture = Capture{};
  request.capture->span_sets = {{0, 1}, {5, 6}};
  set_memory_budget(memory_in_use() + (2400u << 10));
  const auto rows = golden.model->generate(request, {});
  request.capture->weights = false;
  const auto sums = golden.model->generate(request, {});
  set_memory_budget(std::nullopt);
  REQUIRE_FALSE(rows);
  CHECK(rows.error().kind == ErrorKind::out_of_memory);
  CHECK(has(rows.error().message, "rows needs about"));
  CHECK(has(rows.error().message, "span sums would need"));
  CHECK(must(sums).attention.span_sums.size() == 12 * 101 * 2);
}

TEST_CASE(
    "memory that runs out on the way is survived: an error or, with less scratch, the result") {
  const GoldenModel golden("llama_gqa");
  GenerateRequest request;
  request.prompt_ids.assign(200, 9);
  request.max_new_tokens = 3;
  const auto expected = must(golden.model->generate(request, {})).log_probabilities;
  const auto held = memory_in_use();
  int failed = 0, done = 0, begun = 0;
  for (std::uint64_t budget = 64 << 10; budget < 1200 << 10; budget += 16 << 10) {
    RunContext context;
    // What the estimate let pass is narrowed once the run is on its way.
    begun = 0;
    set_memory_budget(std::nullopt);
    context.is_cancelled = [&] {
      if (++begun == 3) set_memory_budget(held + budget);
      return false;
    };
    const auto got = golden.model->generate(request, context);
    if (got) {
      ++done;
      CHECK(difference(got->log_probabilities, expected) < 1e-5f);
    } else {
      ++failed;
      CHECK(got.error().kind == ErrorKind::out_of_memory);
    }
    CHECK(memory_in_use() == held);
  }
  set_memory_budget(std::nullopt);
  CHECK(failed > 3);
  CHECK(done > 3);
  CHECK(must(golden.model->generate(request, {})).log_probabilities == expected);
}

TEST_CASE("dtypes and devices") {
  const GoldenModel golden("llama_gqa");
  for (const char* dtype : {"bfloat16", "float16"}) {
    const auto model =
        must(Model::load(golden_folder("llama_gqa").string(), {"cpu", dtype, 1}, {}));
    CHECK(model->dtype_name() == dtype);
    const auto result = must(model->forward(golden.everything(), {}));
    const float error = difference(result.attention.weights, golden.attention);
    CHECK(error > 1e-5f);
    CHECK(error < 0.2f);
  }
  CHECK(golden.model->dtype_name() == "float32");
  CHECK(golden.model->device_name() == "cpu");
  CHECK(golden.model->parameters() ==
        3 * (2 * 32 * 32 + 2 * 16 * 32 + 3 * 32 * 48 + 2 * 32) + 2 * 131 * 32 + 32);
  const auto folder = golden_folder("llama_gqa").string();
  CHECK(Model::load(folder, {"cpu", "int4", 1}, {}).error().kind == ErrorKind::usage);
  CHECK(Model::load(folder, {"tpu", "auto", 1}, {}).error().kind == ErrorKind::usage);
  REQUIRE(Model::load(folder, {"cpu", "auto", 2}, {}));
  CHECK(at::get_num_threads() == 2);
  REQUIRE(Model::load(folder, {"cpu", "auto", 0}, {}));
  CHECK(at::get_num_threads() == 1);  // a tiny model gains nothing from more
  const DeviceReport report = device_report();
  CHECK(has(report.libtorch_version, "2."));
  CHECK_FALSE(report.cuda_message.empty());
  const auto on_card = Model::load(folder, {"cuda", "auto", 1}, {});
  CHECK(on_card.has_value() == report.cuda_usable);
  if (!on_card) CHECK(has(on_card.error().message, report.cuda_message));
}
