// links: headscope_model
// What --dtype auto means.
#include <doctest/doctest.h>

#include <ATen/Parallel.h>

#include "core/model/dtype_choice.h"
#include "core/model/model.h"
#include "tests/model_goldens.h"

using namespace headscope;
using namespace headscope::test;

namespace {

ModelConfig stored_as(const std::string& dtype, bool quantised = false) {
  ModelConfig config = must(load_config(golden_folder("llama_gqa").string()));
  config.stored_dtype = dtype;
  config.quantised = quantised;
  return config;
}

}  // namespace

TEST_CASE("nothing is made narrower than it is stored") {
  for (const char* stored : {"float32", "float16", ""}) {
    const DtypeChoice choice = usual_dtype(stored_as(stored), false);
    CHECK(choice.dtype == "float32");
    CHECK(choice.reason.empty());
  }
  CHECK(usual_dtype(stored_as("Q4_K_M", true), false).dtype == "bfloat16");
}

TEST_CASE("on a card weights stay as they are stored") {
  for (const char* stored : {"float32", "float16", "bfloat16"})
    CHECK(usual_dtype(stored_as(stored), true).dtype == stored);
  CHECK(usual_dtype(stored_as(""), true).dtype == "bfloat16");
}

TEST_CASE("bfloat16 on a processor is decided once, with its reason") {
  const int threads = at::get_num_threads();
  const DtypeChoice first = usual_dtype(stored_as("bfloat16"), false);
  CHECK((first.dtype == "bfloat16" || first.dtype == "float32"));
  CHECK(first.reason.find("bfloat16") != std::string::npos);
  CHECK(at::get_num_threads() == threads);
  at::set_num_threads(1);
  const DtypeChoice again = usual_dtype(stored_as("bfloat16"), false);
  CHECK(again.dtype == first.dtype);
  CHECK(again.reason == first.reason);
  at::set_num_threads(threads);
}

TEST_CASE("a model loads as what was chosen") {
  const std::string folder = golden_folder("llama_bf16").string();
  const std::string chosen = usual_dtype(must(load_config(folder)), false).dtype;
  CHECK(must(Model::load(folder, {.device = "cpu"}, {}))->dtype_name() == chosen);
  CHECK(must(Model::load(folder, {.device = "cpu", .dtype = "int8"}, {}))->dtype_name() == "int8");
}
