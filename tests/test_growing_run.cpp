// What is told of a run while its answer grows, against the same run when it has ended.
// links: headscope_runner headscope_demo_world
#include <doctest/doctest.h>

#include <algorithm>

#include "core/runner/growing_run.h"
#include "core/runner/open_model.h"
#include "core/runner/prompt_view.h"
#include "core/runner/run_result.h"
#include "core/text/prompt.h"
#include "tests/random_demo_model.h"
#include "tests/temporary_folder.h"

using namespace headscope;

namespace {

using Runs = std::vector<std::shared_ptr<const RunResult>>;

struct Scene {
  test::TemporaryFolder folder;
  OpenedModel opened;
  std::shared_ptr<const PromptView> prompt;
  InterventionSettings settings;
  HeadId followed{1, 0};

  Scene() {
    test::write_random_demo_model(folder.path());
    auto model = open_model(folder.path().string(), {.device = "cpu", .threads = 1}, {});
    REQUIRE(model);
    opened = std::move(*model);
    const QaSample sample = test::demo_test_sample(3);
    PromptRequest request;
    request.text = build_prompt(sample).text;
    request.gold_document = static_cast<int>(*sample.gold_position());
    request.answers = sample.answers;
    auto view = make_prompt_view(request, PromptEncoder(*opened.tokenizer),
                                 opened.model->config().context_length);
    REQUIRE(view);
    prompt = *view;
    settings.tau = 0.5;
  }

  /// What is told, and last the whole run.
  Runs run(RowConvention convention, std::chrono::milliseconds patience, bool weights = true) {
    Runs told;
    AnswerContext context;
    context.on_growth = [&](auto run) { told.push_back(std::move(run)); };
    const auto& config = opened.model->config();
    GrowingRun growing({*prompt,
                        *opened.tokenizer,
                        convention,
                        config.layers,
                        config.heads,
                        followed,
                        settings,
                        {{1, 1}}},
                       context, patience);
    GenerateRequest request;
    request.prompt_ids = prompt_ids(*prompt);
    request.max_new_tokens = 6;
    request.capture.emplace();
    request.capture->span_sets = document_sets(*prompt);
    request.on_token = [&](std::int32_t id) { growing.add_token(id); };
    request.capture->weights = weights;
    request.on_row = [&](const AttentionRow& row) { growing.add_row(row); };
    request.row_head = followed;
    const auto generation = opened.model->generate(request, context);
    REQUIRE(generation);
    const auto whole =
        make_run_result(*prompt, *generation, convention, *opened.tokenizer, context);
    REQUIRE(whole);
    told.push_back(*whole);
    return told;
  }
};

/// The first rows of `whole` are the rows of `part`, to the last bit.
bool same_rows(const RunResult& part, const RunResult& whole) {
  if (part.span_sums.size() !=
      static_cast<std::size_t>(part.layers * part.heads * part.rows.size() * part.sets))
    return false;
  for (int layer = 0; layer < whole.layers; ++layer) {
    for (int head = 0; head < whole.heads; ++head) {
      for (std::int64_t row = 0; row < part.rows.size(); ++row) {
        for (int set = 0; set < whole.sets; ++set) {
          const HeadId at{layer, head};
          if (part.span_sum(at, row, set) != whole.span_sum(at, row, set)) return false;
        }
      }
    }
  }
  return true;
}

/// The rows of `head` are those of `whole`, to the last bit, and no other head has any.
bool same_weights(const RunResult& part, const RunResult& whole, HeadId head) {
  if (!part.has_weights(head)) return false;
  for (std::size_t i = 0; i < part.weights.size(); ++i) {
    if (part.weights[i] != nullptr && i != part.index(head)) return false;
  }
  for (std::int64_t row = 0; row < part.rows.size(); ++row) {
    const float *ours = part.row(head, row), *all = whole.row(head, row);
    if (!std::equal(ours, ours + part.keys, all)) return false;
    if (std::any_of(all + part.keys, all + whole.keys, [](float w) { return w != 0; }))
      return false;
  }
  return true;
}

}  // namespace

TEST_CASE("every row is told once it is there, as the whole run has it") {
  Scene scene;
  for (const auto convention : {RowConvention::input, RowConvention::predict}) {
    CAPTURE(static_cast<int>(convention));
    const Runs runs = scene.run(convention, std::chrono::milliseconds(0));
    const RunResult& whole = *runs.back();
    REQUIRE(whole.response.size() > 1);
    REQUIRE(runs.size() == whole.response.size() + 1);
    for (std::size_t i = 0; i + 1 < runs.size(); ++i) {
      const RunResult& part = *runs[i];
      CHECK(part.quality == Quality::growing);
      CHECK(part.response.size() == i + 1);
      CHECK(part.rows.begin == whole.rows.begin);
      CHECK(part.rows.size() == static_cast<std::int64_t>(i) + 1);
      CHECK(part.settings == scene.settings);
      CHECK((part.touched == std::vector<HeadId>{{1, 1}}));
      CHECK(same_weights(part, whole, scene.followed));
      CHECK(whole.response_text.starts_with(part.response_text));
      CHECK(same_rows(part, whole));
    }
    CHECK(runs[runs.size() - 2]->scores.relevant == whole.scores.relevant);
  }
}

TEST_CASE("without kept weights masses alone are told") {
  Scene scene;
  const Runs runs = scene.run(RowConvention::input, std::chrono::milliseconds(0), false);
  REQUIRE(runs.size() > 1);
  CHECK_FALSE(runs.front()->span_sums.empty());
  CHECK(runs.front()->weights.empty());
}

TEST_CASE("an answer that is there soon is told whole") {
  Scene scene;
  CHECK(scene.run(RowConvention::input, std::chrono::hours(1)).size() == 1);
}
