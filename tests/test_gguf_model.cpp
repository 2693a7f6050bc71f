// links: headscope_runner headscope_experiment headscope_model headscope_gguf
// headscope_intervention GGUF files as models: logits and attention against Hugging Face on the
// de-quantised weights (make_gguf_goldens.py).
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/runner/inspect_model.h"
#include "core/runner/open_model.h"
#include "core/sweep/weights_hash.h"
#include "tests/model_goldens.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using namespace headscope::test;

namespace {

constexpr float tolerance = 1e-4f;
const std::vector<std::string> files = {"llama3", "llama_spm", "mistral_yarn", "qwen2",     "qwen3",
                                        "gemma2", "gemma3",    "phi3",         "every_type"};

std::filesystem::path golden_file(const std::string& name) {
  return source_folder() / "tests" / "goldens" / "gguf" / (name + ".gguf");
}

LoadOptions on_cpu(const std::string& dtype) {
  LoadOptions options;
  options.device = "cpu";
  options.dtype = dtype;
  options.threads = 1;
  return options;
}

struct Observed {
  float logits, attention;
};

/// Largest differences to the golden of the file.
Observed compare(const std::string& name, const std::string& dtype) {
  const auto opened = must(open_model(golden_file(name).string(), on_cpu(dtype), {}));
  const auto wanted =
      must(SafetensorsFile::open(golden_file(name).replace_extension(".safetensors")));
  ForwardRequest request;
  request.ids = to_ids(must(wanted.floats("tokens")));
  const auto length = static_cast<std::int64_t>(request.ids.size());
  request.logit_rows = {0, length};
  request.capture = Capture{};
  request.capture->rows = {0, length};
  const ForwardResult result = must(opened.model->forward(request, {}));
  return {difference(result.logits, must(wanted.floats("logits"))),
          difference(result.attention.weights, must(wanted.floats("attention")))};
}

}  // namespace

TEST_CASE("logits and attention of GGUF files equal those of their weights in Hugging Face") {
  for (const std::string& name : files) {
    CAPTURE(name);
    const Observed found = compare(name, "float32");
    CAPTURE(found.logits);
    CHECK(found.logits < tolerance);
    CHECK(found.attention < tolerance);
  }
}

TEST_CASE("quantised files run in bfloat16 unless something else is asked for") {
  const auto model_of = [](const char* name, const char* dtype) {
    return must(Model::load(golden_file(name).string(), on_cpu(dtype), {}));
  };
  CHECK(model_of("qwen2", "auto")->dtype_name() == "bfloat16");
  CHECK(model_of("qwen2", "float32")->dtype_name() == "float32");
  CHECK(model_of("llama3", "auto")->dtype_name() == "float32");  // half floats: as from a folder
  const Observed rounded = compare("qwen2", "auto");
  CHECK(rounded.logits > tolerance);
  CHECK(rounded.attention < 0.1f);
}

TEST_CASE("a GGUF file is inspected, named and hashed like a folder") {
  const auto summary = must(inspect_model(golden_file("every_type").string()));
  CHECK(summary.config.model_type == "llama");
  CHECK(summary.config.quantised);
  CHECK(summary.dtype == "Q6_K");
  CHECK(summary.parameters ==
        must(Model::load(golden_file("every_type").string(), on_cpu("auto"), {}))->parameters());
  CHECK(model_name(golden_file("qwen2").string()) == "qwen2.gguf");
  CHECK(must(open_chat_template(golden_file("llama3"))).has_value());
  CHECK_FALSE(must(open_chat_template(golden_file("every_type"))).has_value());
  const TemporaryFolder folder;
  CHECK(must(weights_sha256(golden_file("qwen2"), {}, {}, folder / "hashes.json")) ==
        must(sha256_file(golden_file("qwen2"))));
}

TEST_CASE("tensors that are missing or not of this kind are listed by name") {
  const TemporaryFolder folder;
  std::string bytes = must(read_text_file(golden_file("llama3")));
  const auto rename = [&](const std::string& from, const std::string& to) {
    const auto at = bytes.find(from);
    REQUIRE(at != std::string::npos);
    bytes.replace(at, from.size(), to);
    REQUIRE(write_file_atomically(folder / "x.gguf", bytes).has_value());
    return inspect_model((folder / "x.gguf").string()).error().message;
  };
  CHECK(rename("rope_freqs.weight", "rope_freqX.weight").find("rope_freqX.weight") !=
        std::string::npos);
  CHECK(rename("blk.1.ffn_up.weight", "blk.1.ffn_uX.weight")
            .find("model.layers.1.mlp.up_proj.weight") != std::string::npos);
}
