// links: headscope_model headscope_intervention
// How weights get into memory: as int8, with adapters merged, on several devices, damaged ones not.
#include <doctest/doctest.h>

#include <fstream>
#include <limits>
#include <numeric>

#include <ATen/ATen.h>

#include "core/base/json.h"
#include "core/config/adapter_config.h"
#include "core/model/checkpoint.h"
#include "core/model/memory.h"
#include "core/model/placement.h"
#include "tests/model_goldens.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using namespace headscope::test;
namespace fs = std::filesystem;

namespace {

fs::path loading_folder() {
  return source_folder() / "tests" / "goldens" / "loading";
}

std::unique_ptr<Model> load(const fs::path& folder, const LoadOptions& options) {
  return must(Model::load(folder.string(), options, {}));
}

std::string load_error(const fs::path& folder, const LoadOptions& options) {
  const auto model = Model::load(folder.string(), options, {});
  return model ? "it loaded" : model.error().message;
}

LoadOptions with_adapter_options(const fs::path& adapter) {
  return {"cpu", "float32", 1, {}, adapter.string()};
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A copy of an adapter whose adapter_config.json is changed.
struct ChangedAdapter {
  TemporaryFolder folder;
  ChangedAdapter(const std::string& name, const std::function<void(Json&)>& change) {
    for (const auto& entry : fs::directory_iterator(loading_folder() / name))
      fs::copy(entry.path(), folder.path() / entry.path().filename());
    Json json = must(read_json_file(folder / "adapter_config.json"));
    change(json);
    std::ofstream(folder / "adapter_config.json") << json.dump();
  }
  /// Rewrites adapter_model.safetensors with one tensor under another name.
  void rename(const std::string& from, const std::string& to) const {
    const auto file = must(SafetensorsFile::open(folder / "adapter_model.safetensors"));
    std::vector<TensorToWrite> tensors;
    for (const auto& [name, info] : file.tensors())
      tensors.push_back({name == from ? to : name, info.dtype, info.shape, must(file.bytes(name))});
    REQUIRE(write_safetensors(folder / "changed", tensors));
    fs::rename(folder / "changed", folder / "adapter_model.safetensors");
  }
  std::string error() const {
    return load_error(golden_folder("llama_gqa"), with_adapter_options(folder.path()));
  }
};

}  // namespace

TEST_CASE("int8 rounds to the nearest step and keeps rows apart") {
  const auto matrix =
      at::tensor({1.0f, -2.0f, 0.5f, 1000.0f, 0.0f, -254.0f, 0.0f, 0.0f, 0.0f}).view({3, 3});
  const Int8Matrix narrow = to_int8(matrix);
  CHECK(narrow.scale[0].item<float>() == doctest::Approx(2.0 / 127));
  CHECK(narrow.scale[1].item<float>() == doctest::Approx(1000.0 / 127));
  const auto wide = narrow.values.to(at::kFloat) * narrow.scale.unsqueeze(1);
  const auto step = narrow.scale.unsqueeze(1) * 0.5001;
  CHECK((wide - matrix).abs().le(step).all().item<bool>());
  CHECK(narrow.values.abs().max().item<int>() == 127);
  CHECK(wide[2].abs().max().item<float>() == 0.0f);
}

TEST_CASE("an int8 map, its rows and its ranges are those of the widened matrix") {
  for (const auto& [outputs, inputs] :
       std::vector<std::pair<int, int>>{{7, 5}, {130, 33}, {900, 700}}) {
    const auto narrow = to_int8(at::randn({outputs, inputs}));
    const Linear map{narrow.values, at::randn({outputs}), narrow.scale};
    const auto wide = narrow.values.to(at::kDouble) * narrow.scale.to(at::kDouble).unsqueeze(1);
    for (const int rows : {1, 3, 100}) {
      const auto x = at::randn({2, rows, inputs});
      const auto expected = at::matmul(x.to(at::kDouble), wide.t()) + map.bias;
      CHECK((map(x) - expected).abs().max().item<double>() < 2e-4);
      const auto part = map.outputs(2, 3);
      CHECK((part(x) - expected.narrow(2, 2, 3)).abs().max().item<double>() < 2e-4);
    }
    const auto index = at::tensor({0, outputs - 1, 3, 3}, at::kLong);
    const auto found = map.rows(index, at::kFloat);
    CHECK((found - wide.index_select(0, index)).abs().max().item<double>() < 1e-6);
  }
}

TEST_CASE("int8 weights: what Hugging Face computes on weights rounded by numpy") {
  const auto model = load(golden_folder("llama_gqa"), {"cpu", "int8", 1});
  CHECK(model->dtype_name() == "int8");
  const GoldenModel exact("llama_gqa");
  const auto file = must(SafetensorsFile::open(loading_folder() / "int8.safetensors"));
  const auto expected = must(file.floats("logits"));
  const auto result = must(model->forward(exact.everything(), {}));
  CHECK(difference(result.logits, expected) < 2e-4f);
  // Rounded weights are other weights: without this the test could not tell int8 from fp32.
  CHECK(difference(result.logits, exact.logits) > 1e-3f);
  // Cached steps go through products of one row.
  GenerateRequest request;
  request.prompt_ids = exact.prompt_ids();
  request.max_new_tokens = 12;
  const auto cached = must(model->generate(request, {}));
  request.use_cache = false;
  CHECK(must(model->generate(request, {})).ids == cached.ids);
}

TEST_CASE("int8 takes what the estimate says, and one tensor in fp32 at a time") {
  const auto folder = golden_folder("llama_gqa").string();
  const ModelConfig config = must(load_config(folder));
  const auto source = must(open_weights(folder));
  set_memory_budget(std::nullopt);
  const auto held = memory_in_use();
  const WeightFormat format{at::kFloat, true};
  {
    const auto weights =
        must(load_weights(*source, folder, config, place_on({}, config.layers), format, {}));
    const double taken = static_cast<double>(memory_in_use() - held);
    CHECK(taken == doctest::Approx(weights_bytes(config, format)));
  }
  // The largest tensor has 131 x 32 numbers: as read, one piece of the file, one piece being
  // rounded three times over. All of the model in fp32 would need more than this budget.
  const double all_wide = weights_bytes(config, {at::kFloat});
  const double one = 4.0 * 131 * 32;
  const double budget = weights_bytes(config, format) + 5 * one;
  REQUIRE(budget < all_wide);
  set_memory_budget(held + static_cast<std::uint64_t>(budget));
  CHECK(Model::load(folder, {"cpu", "int8", 1}, {}));
  const auto refused = Model::load(folder, {"cpu", "float32", 1}, {});
  set_memory_budget(std::nullopt);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::out_of_memory);
  CHECK(has(refused.error().message, "--dtype int8"));
}

TEST_CASE("adapters are merged as PEFT merges them") {
  const GoldenModel base("llama_gqa");
  for (const std::string name : {"lora_patterns", "lora_rs", "lora_saved_head"}) {
    CAPTURE(name);
    const auto model =
        load(golden_folder("llama_gqa"), with_adapter_options(loading_folder() / name));
    const auto file = must(SafetensorsFile::open(loading_folder() / name / "golden.safetensors"));
    const auto result = must(model->forward(base.everything(), {}));
    CHECK(difference(result.logits, must(file.floats("logits"))) < 1e-5f);
    CHECK(difference(result.attention.weights, must(file.floats("attention"))) < 1e-5f);
    CHECK(difference(result.logits, base.logits) > 0.1f);
  }
}

TEST_CASE("adapters of other kinds are refused, and the field is named") {
  const auto refused = [](const char* field, const Json& value) {
    const ChangedAdapter adapter("lora_rs", [&](Json& json) { json[field] = value; });
    const std::string error = adapter.error();
    CAPTURE(error);
    CHECK(has(error, "adapter_config.json"));
    CHECK(has(error, field));
  };
  refused("peft_type", "IA3");
  refused("bias", "all");
  refused("use_dora", true);
  refused("lora_bias", true);
  refused("init_lora_weights", "pissa");
  refused("trainable_token_indices", Json::array({1, 2}));
  refused("layer_replication", Json::array({Json::array({0, 1})}));
  refused("r", -1);
  refused("lora_alpha", "much");
  refused("r", 3);  // lora_A has two rows
  refused("rank_pattern", Json{{"q_proj", 5}});
  refused("rank_pattern", Json{{"q_proj(", 2}});
  refused("alpha_pattern", Json{{"q_proj", 1}, {"self_attn.q_proj", 2}});
  CHECK(has(load_error(golden_folder("llama_gqa"), with_adapter_options("nowhere")),
            "adapter_config.json"));
}

TEST_CASE("tensors of an adapter that do not fit the model are listed") {
  const std::string a = "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight";
  const auto unchanged = [](Json&) {};
  const auto check = [&](const std::string& to, const std::string& part) {
    const ChangedAdapter adapter("lora_rs", unchanged);
    adapter.rename(a, to);
    const std::string error = adapter.error();
    CAPTURE(error);
    CHECK(has(error, part));
  };
  check("base_model.model.model.layers.9.self_attn.q_proj.lora_A.weight", "layers.9");
  check("base_model.model.model.embed_tokens.lora_embedding_A", "adapts an embedding");
  check("something", "something");
  check(a + "x", "q_proj.lora_B.weight");
  const std::string other = load_error(golden_folder("llama_head_dim_bias"),
                                       with_adapter_options(loading_folder() / "lora_saved_head"));
  CHECK(has(other, "do not fit"));
}

TEST_CASE("fan_in_fan_out: the matrix is stored transposed") {
  // q_proj of llama_gqa is square, so the change can be merged either way round.
  const auto merged = [](bool transposed) {
    const ChangedAdapter adapter("lora_patterns",
                                 [&](Json& json) { json["fan_in_fan_out"] = transposed; });
    const auto file = must(SafetensorsFile::open(adapter.folder / "adapter_model.safetensors"));
    std::vector<TensorToWrite> tensors;
    for (const auto& [name, info] : file.tensors()) {
      if (has(name, "layers.0.self_attn.q_proj"))
        tensors.push_back({name, info.dtype, info.shape, must(file.bytes(name))});
    }
    REQUIRE(write_safetensors(adapter.folder / "few", tensors));
    fs::rename(adapter.folder / "few", adapter.folder / "adapter_model.safetensors");
    const auto source =
        must(open_weights(golden_folder("llama_gqa").string(), adapter.folder.path().string()));
    return must(source->read("model.layers.0.self_attn.q_proj.weight", at::kCPU, at::kFloat, {}));
  };
  const auto base =
      must(must(open_weights(golden_folder("llama_gqa").string()))
               ->read("model.layers.0.self_attn.q_proj.weight", at::kCPU, at::kFloat, {}));
  const auto change = merged(false) - base;
  CHECK(change.abs().max().item<float>() > 0.1f);
  CHECK((merged(true) - base - change.t()).abs().max().item<float>() < 1e-6f);
}

TEST_CASE("numbers that are none are noticed, and the tensor is named") {
  TemporaryFolder folder;
  fs::copy(golden_folder("llama_gqa") / "config.json", folder / "config.json");
  const auto file = must(SafetensorsFile::open(golden_folder("llama_gqa") / "model.safetensors"));
  const std::string damaged = "model.layers.1.mlp.up_proj.weight";
  for (const float wrong :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity(), 1e30f}) {
    CAPTURE(wrong);
    std::vector<TensorToWrite> tensors;
    std::vector<float> changed = must(file.floats(damaged));
    changed.back() = wrong;
    for (const auto& [name, info] : file.tensors()) {
      tensors.push_back(
          {name, info.dtype, info.shape,
           name == damaged ? std::as_bytes(std::span(changed)) : must(file.bytes(name))});
    }
    REQUIRE(write_safetensors(folder / "model.safetensors", tensors));
    for (const std::string dtype : {"float32", "bfloat16", "float16", "int8"}) {
      CAPTURE(dtype);
      const std::string error = load_error(folder.path(), {"cpu", dtype, 1});
      const bool fits = wrong == 1e30f && dtype != "float16";  // too large for it
      CHECK(has(error, fits ? "it loaded" : damaged));
    }
  }
}

TEST_CASE("weights that change while they are read are refused, whatever is done to the file") {
  for (const std::string how : {"nothing", "cut short", "emptied", "written to", "replaced"}) {
    CAPTURE(how);
    TemporaryFolder folder;
    for (const auto& entry : fs::directory_iterator(golden_folder("llama_gqa")))
      fs::copy(entry.path(), folder.path() / entry.path().filename());
    const fs::path file = folder / "model.safetensors";
    RunContext context;
    context.on_progress = [&, calls = 0](const Progress& progress) mutable {
      if (progress.what != "load" || ++calls != 3) return;
      if (how == "cut short") fs::resize_file(file, fs::file_size(file) / 2);
      if (how == "emptied") fs::resize_file(file, 0);
      if (how == "written to") std::ofstream(file, std::ios::app) << "x";
      if (how == "replaced") {
        fs::copy(golden_folder("llama_gqa") / "model.safetensors", folder / "new");
        fs::rename(folder / "new", file);
      }
    };
    const auto model = Model::load(folder.path().string(), {"cpu", "float32", 1}, context);
    CHECK(model.has_value() == (how == "nothing"));
    if (!model) {
      CHECK(model.error().kind == ErrorKind::bad_input);
      CHECK(has(model.error().message, file.string() + ": was changed or replaced"));
    }
  }
}

TEST_CASE("layers are placed one after another, and devices are filled alike") {
  const auto device = [](int index, std::uint64_t bytes) {
    return ComputeDevice{at::kCPU, "card:" + std::to_string(index), bytes};
  };
  const PartBytes parts{10, std::vector<double>(8, 10), 10};
  const auto placed = [&](const std::vector<std::uint64_t>& sizes) {
    std::vector<ComputeDevice> devices;
    for (const std::uint64_t size : sizes)
      devices.push_back(device(static_cast<int>(devices.size()), size));
    return place_layers(parts, devices);
  };
  CHECK(must(placed({100, 100})).layers == std::vector<int>(8, 0));  // it fits on the first
  CHECK(must(placed({60, 60})).layers == std::vector<int>{0, 0, 0, 0, 1, 1, 1, 1});
  CHECK(must(placed({99, 99})).layers == std::vector<int>{0, 0, 0, 0, 1, 1, 1, 1});
  CHECK(must(placed({40, 80})).layers == std::vector<int>{0, 0, 1, 1, 1, 1, 1, 1});
  CHECK(must(placed({20, 5, 80})).layers == std::vector<int>{0, 2, 2, 2, 2, 2, 2, 2});
  CHECK(must(placed({60, 60})).text() == "card:0: layers 0-3, card:1: layers 4-7");
  CHECK(must(placed({100})).text() == "card:0");
  for (const auto& sizes : {std::vector<std::uint64_t>{99}, {15, 85}, {45, 45}, {9, 1000}}) {
    const auto refused = placed(sizes);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ErrorKind::out_of_memory);
    CHECK(has(refused.error().message, "card:0"));
  }
}

TEST_CASE("a model split over devices computes the same bits") {
  const GoldenModel whole("llama_gqa");
  const auto folder = golden_folder("llama_gqa").string();
  const ModelConfig config = must(load_config(folder));
  const PartBytes parts = part_bytes(config, {at::kFloat}, config.context_length);
  // A device for the embeddings and one layer, one for a layer, one for the rest.
  const double gibibyte = double(1 << 30);
  const std::vector<double> room = {(parts.before + parts.layers[0]) * 1.01 / gibibyte,
                                    parts.layers[1] * 1.01 / gibibyte,
                                    (parts.layers[2] + parts.after) * 1.01 / gibibyte};
  const auto split = load(folder, {"cpu", "float32", 1, room, ""});
  CHECK(split->device_name() == "cpu:0: layer 0, cpu:1: layer 1, cpu:2: layer 2");
  ForwardRequest request = whole.everything();
  const Intervention marked{SplitSoftmax{0.2, {4, 5, 6}}, {{0, 1}, {1, 0}, {2, 2}}, {}};
  for (const bool edited : {false, true}) {
    if (edited) request.interventions.push_back(marked);
    const auto a = must(whole.model->forward(request, {}));
    const auto b = must(split->forward(request, {}));
    CHECK(a.logits == b.logits);
    CHECK(a.attention.weights == b.attention.weights);
  }
  GenerateRequest generate;
  generate.prompt_ids = whole.prompt_ids();
  generate.max_new_tokens = 12;
  generate.interventions = request.interventions;
  CHECK(must(whole.model->generate(generate, {})).ids == must(split->generate(generate, {})).ids);
  CHECK(must(split->head_map(whole.tokens, {2, 1}, {}, {})).weights ==
        must(whole.model->head_map(whole.tokens, {2, 1}, {}, {})).weights);
  const std::string error = load_error(folder, {"cpu", "float32", 1, {room[0], room[1]}, ""});
  CHECK(has(error, "cpu:1"));
}

TEST_CASE("what lies on each device is what was planned for it") {
  const auto folder = golden_folder("llama_gqa").string();
  const ModelConfig config = must(load_config(folder));
  const auto source = must(open_weights(folder));
  for (const WeightFormat format :
       {WeightFormat{at::kFloat}, WeightFormat{at::kBFloat16}, WeightFormat{at::kFloat, true}}) {
    const auto weights =
        must(load_weights(*source, folder, config, place_on({}, config.layers), format, {}));
    const PartBytes parts = part_bytes(config, format, 0);
    for (int i = 0; i < config.layers; ++i) {
      const LayerWeights& layer = weights.layers[static_cast<std::size_t>(i)];
      double bytes =
          static_cast<double>(layer.input_norm.weight.nbytes() + layer.mlp_norm.weight.nbytes());
      for (const Linear* map :
           {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) {
        bytes += static_cast<double>(map->weight.nbytes());
        if (map->scale.defined()) bytes += static_cast<double>(map->scale.nbytes());
      }
      CHECK(bytes == parts.layers[static_cast<std::size_t>(i)]);
    }
  }
}
