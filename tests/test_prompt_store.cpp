// links: headscope_model headscope_intervention headscope_training
// Runs that share a prompt: what one has computed below the first touched layer serves the others,
// and no result differs from that of a run alone.
#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include "core/model/checkpoint.h"
#include "core/model/decoder.h"
#include "core/model/prompt_pass.h"
#include "tests/prompt_runs.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using namespace headscope::test;

namespace {

constexpr float tolerance = 1e-6F;

/// A random model of as many layers as the store needs to be looked at in, over a prompt of more
/// than one chunk.
struct LongPrompt {
  TemporaryFolder folder;
  std::unique_ptr<Model> model;
  std::vector<std::int32_t> ids;

  explicit LongPrompt(std::vector<double> devices = {}) {
    ModelConfig config;
    config.model_type = "llama";
    config.layers = 6;
    config.heads = 4;
    config.kv_heads = 2;
    config.head_dim = 16;
    config.hidden_size = 48;
    config.intermediate_size = 64;
    config.vocab_size = 40;
    config.context_length = 2048;
    DecoderWeights weights = random_weights(config, 3, 0.3);
    REQUIRE(save_checkpoint(folder.path().string(), weights, config));
    LoadOptions options{"cpu", "auto", 1};
    options.device_gibibytes = std::move(devices);
    model = must(Model::load(folder.path().string(), options, {}));
    for (int i = 0; i < 600; ++i) ids.push_back((i * 7 + i / 11) % 40);
  }
  GenerateRequest request(std::vector<Intervention> interventions = {},
                          PromptStore* store = nullptr) const {
    auto request = request_for(*model, ids, AttentionBackend::fused);
    request.interventions = std::move(interventions);
    request.store = store;
    return request;
  }
  Generation run(std::vector<Intervention> interventions, PromptStore* store = nullptr) const {
    return must(model->generate(request(std::move(interventions), store), {}));
  }
  std::int64_t rows() const { return static_cast<std::int64_t>(ids.size()) - 1; }
};

}  // namespace

TEST_CASE("every family, backend, first touched layer and choice of rows: as a run alone") {
  for (const std::string& name : golden_models) {
    CAPTURE(name);
    const GoldenModel golden(name);
    for (const auto backend : {AttentionBackend::fused, AttentionBackend::reference}) {
      PromptStore store;
      auto request = request_for(*golden.model, golden.prompt_ids(), backend);
      auto settings = settings_of(golden.model->config());
      const std::size_t count = settings.size();
      for (std::size_t i = 0; i < count; ++i) settings.push_back(settings[count - 1 - i]);
      for (const auto& interventions : settings) {
        request.interventions = interventions;
        request.store = nullptr;
        request.use_cache = true;
        const auto alone = must(golden.model->generate(request, {}));
        CHECK(alone.prompt_work.layer_rows == alone.prompt_work.all);
        request.store = &store;
        const auto shared = must(golden.model->generate(request, {}));
        CHECK(run_difference(shared, alone) < tolerance);
        CHECK(shared.prompt_work.layer_rows <= alone.prompt_work.all);
        CHECK(shared.prompt_work.layer_rows >= shared.prompt_work.touched);
      }
      request.use_cache = false;
      request.store = nullptr;
      const auto uncached = must(golden.model->generate(request, {}));
      request.use_cache = true;
      CHECK(run_difference(uncached, must(golden.model->generate(request, {}))) < 1e-3F);
    }
  }
}

TEST_CASE("a store that holds something else is noticed") {
  // The comparison above would see each of these mistakes.
  const LongPrompt prompt;
  const std::vector<Intervention> edit = {split({3, 1})};
  const auto alone = prompt.run(edit);
  const auto damaged = [&](const auto& damage) {
    PromptStore store;
    prompt.run({}, &store);
    damage(store.impl());
    return run_difference(prompt.run(edit, &store), alone);
  };
  CHECK(damaged([](PromptStore::Impl&) {}) < tolerance);
  // The input of another layer.
  CHECK(damaged([](PromptStore::Impl& store) { std::swap(store.inputs[3], store.inputs[2]); }) >
        1e-3F);
  // Chunks in another order.
  CHECK(damaged([](PromptStore::Impl& store) {
          for (auto& chunk : store.inputs[3]) chunk = chunk.flip(1);
        }) > 1e-3F);
  // A layer above the touched one taken for unedited.
  CHECK(damaged([](PromptStore::Impl& store) { store.inputs[3] = store.inputs[4]; }) > 1e-3F);
  // Attention of another run taken for this one's.
  PromptStore store;
  prompt.run({split({3, 1}, {}, 0.6)}, &store);
  auto& blocks = store.impl().attention.at(1).blocks;
  REQUIRE(blocks.size() == 1);
  blocks[0].marked.at(0).output = blocks[0].marked.at(0).output * 0.5;
  CHECK(run_difference(prompt.run(edit, &store), alone) > 1e-3F);
  // Keys of an edited run.
  CHECK(damaged([](PromptStore::Impl& store) { store.cache[1].keys = store.cache[1].keys * 0.5; }) >
        1e-3F);
}

TEST_CASE("work is what the touched layers ask for, once the prompt was run") {
  const LongPrompt prompt;
  const std::int64_t rows = prompt.rows();
  const auto done = [&](PromptStore& store, std::vector<Intervention> interventions) {
    return prompt.run(std::move(interventions), &store).prompt_work;
  };
  PromptStore store;
  CHECK(done(store, {}).layer_rows == 5 * rows);  // of the last layer only keys and values
  CHECK(done(store, {}).layer_rows == 0);
  CHECK(done(store, {split({5, 0})}).layer_rows == 0);
  CHECK(done(store, {split({3, 0})}).layer_rows == 2 * rows);
  CHECK(done(store, {split({0, 0})}).layer_rows == 5 * rows);
  CHECK(done(store, {split({0, 0}, {RowSelection::Kind::response, 0})}).layer_rows == 0);
  CHECK(done(store, {split({0, 0}, {}, 1.0)}).layer_rows == 0);  // tau 1 is the identity
  CHECK(done(store, {split({3, 0})}).touched == 2 * rows);
  CHECK(done(store, {split({3, 0})}).all == 5 * rows);

  // From the lowest touched layer to the highest, every layer is run once and no more is kept.
  PromptStore growing;
  growing.expect({2, 4});
  CHECK(done(growing, {split({2, 0})}).layer_rows == 5 * rows);
  CHECK(done(growing, {split({4, 0})}).layer_rows == 3 * rows);
  CHECK(done(growing, {split({4, 0})}).layer_rows == rows);
  CHECK(done(growing, {}).layer_rows == rows);
  CHECK(growing.bytes() < store.bytes());
}

TEST_CASE("another strength on the same heads takes over the attention of its first layer") {
  const LongPrompt prompt;
  const ModelConfig& config = prompt.model->config();
  const std::int64_t rows = prompt.rows();
  PromptStore store;
  // Every run is that of a run alone, to the last bit.
  const auto check = [&](const std::vector<Intervention>& edits, std::int64_t queries,
                         std::int64_t attention) {
    const auto alone = prompt.run(edits), shared = prompt.run(edits, &store);
    CHECK(shared.ids == alone.ids);
    CHECK(shared.log_probabilities == alone.log_probabilities);
    CHECK(shared.attention.weights == alone.attention.weights);
    CHECK(shared.attention.span_sums == alone.attention.span_sums);
    CHECK(shared.prompt_work.kept_queries == queries);
    CHECK(shared.prompt_work.kept_attention == attention);
    CHECK(alone.prompt_work.kept_queries + alone.prompt_work.kept_attention == 0);
  };
  const HeadId head{3, 1};
  const auto marks = [&](TokenSet marked) {
    return Intervention{SplitSoftmax{0.3, std::move(marked)}, {head}, {}};
  };
  check({split(head)}, 0, 0);
  check({split(head, {}, 0.4)}, rows, rows);
  check({split(head, {}, 0.05)}, rows, rows);
  check({}, 0, 0);
  check({split(head)}, rows, rows);
  check({split({3, 2})}, rows, 0);                     // another head
  check({split({3, 2}, {}, 0.5)}, rows, rows);         //
  check({split({3, 2}), split({5, 0})}, rows, rows);   // one more layer above
  check({marks({3, 4, 5})}, rows, 0);                  // other keys
  check({marks({3, 4, 6})}, rows, 0);                  //
  check({focus(config, head)}, rows, 0);               // no mass moved: nothing to take over
  check({focus(config, head), split(head)}, rows, 0);  // other queries
  check({focus(config, head), split(head, {}, 0.7)}, rows, rows);
  check({focus(config, {3, 0}), split(head)}, rows, 0);
  check({split(head, {RowSelection::Kind::from, 300})}, rows, 0);
  check({split(head, {RowSelection::Kind::from, 300}, 0.6)}, rows, rows - 300);
  check({split({2, 1})}, 0, 0);  // that of one layer is kept
  check({split(head)}, 0, 0);
  check({split(head), split({3, 2})}, rows, 0);
  check({split(head, {}, 0.2), split({3, 2})}, rows, rows);
}

TEST_CASE("another prompt, length or backend begins the store anew") {
  const LongPrompt prompt;
  PromptStore store;
  prompt.run({}, &store);
  const std::vector<Intervention> edit = {split({4, 1})};
  const auto check = [&](const std::function<void(GenerateRequest&)>& change) {
    auto request = prompt.request(edit);
    change(request);
    const auto alone = must(prompt.model->generate(request, {}));
    request.store = &store;
    const auto shared = must(prompt.model->generate(request, {}));
    CHECK(run_difference(shared, alone) < tolerance);
    CHECK(shared.prompt_work.layer_rows == alone.prompt_work.layer_rows);
    CHECK(must(prompt.model->generate(request, {})).prompt_work.layer_rows <
          alone.prompt_work.layer_rows);
  };
  check([](GenerateRequest& request) { request.prompt_ids[2] += 1; });
  check([](GenerateRequest& request) { request.prompt_ids.pop_back(); });
  check([](GenerateRequest& request) { request.max_new_tokens = 9; });
  check([](GenerateRequest& request) { request.backend = AttentionBackend::reference; });
  check([](GenerateRequest& request) { request.forced_response = {3, 1, 4, 1}; });
  const LongPrompt same_numbers;  // another model, even if it has the same weights
  CHECK(same_numbers.run(edit, &store).prompt_work.layer_rows == 5 * prompt.rows());
}

TEST_CASE("layers on several devices") {
  const LongPrompt one;
  const double size = 1.3e-3;  // GiB: a part of the model each
  const LongPrompt split_up({size, size, size});
  REQUIRE(split_up.model->device_name() != one.model->device_name());
  PromptStore store;
  split_up.run({}, &store);
  for (int layer = 0; layer < 6; ++layer) {
    const auto shared = split_up.run({split({layer, 1})}, &store);
    CHECK(shared.prompt_work.layer_rows == (5 - layer) * one.rows());
    CHECK(run_difference(shared, one.run({split({layer, 1})})) < tolerance);
  }
}

TEST_CASE("a budget bounds what is kept, and results stay") {
  const LongPrompt prompt;
  PromptStore whole;
  prompt.run({}, &whole);
  for (const double share : {0.0, 0.3, 0.5, 0.7, 0.9}) {
    const auto budget = static_cast<std::uint64_t>(share * static_cast<double>(whole.bytes()));
    PromptStore store(budget);
    for (const int layer : {6, 3, 1, 4, 5, 2, 0}) {
      std::vector<Intervention> edit;
      if (layer < 6) edit = {split({layer, 2})};
      CHECK(run_difference(prompt.run(edit, &store), prompt.run(edit)) < tolerance);
      CHECK(store.bytes() <= budget);
    }
    if (share > 0.8) CHECK(prompt.run({split({4, 0})}, &store).prompt_work.layer_rows <= 599 * 3);
  }
}

TEST_CASE("a run that was cancelled leaves the store usable") {
  const LongPrompt prompt;
  PromptStore store;
  const std::vector<Intervention> edit = {split({3, 1})};
  prompt.run(edit, &store);
  for (const int polls : {3, 10, 25}) {
    int left = polls;
    RunContext context;
    context.is_cancelled = [&left] { return left-- <= 0; };
    const auto stopped = prompt.model->generate(prompt.request({split({4, 0})}, &store), context);
    REQUIRE(!stopped);
    CHECK(stopped.error().kind == ErrorKind::cancelled);
    CHECK(run_difference(prompt.run(edit, &store), prompt.run(edit)) < tolerance);
  }
}
