// links: headscope_experiment headscope_demo_world
// timeout: 300
// The causal check against Hugging Face (eager attention, 4D masks, hooks) on a tiny random model,
// its correlations, and what it does with prompts that cannot be checked.
#include <doctest/doctest.h>

#include <cmath>

#include "core/base/json.h"
#include "core/experiment/causal.h"
#include "core/experiment/causal_report.h"
#include "core/model/answer_probability.h"
#include "core/text/split_edit.h"
#include "tests/random_demo_model.h"
#include "tests/resources.h"
#include "tests/temporary_folder.h"

using namespace headscope;

namespace {

struct Fixture {
  std::unique_ptr<Model> model;
  std::optional<PromptEncoder> encoder;
  std::vector<QaSample> samples;
  CausalOptions options;
  RunContext context;

  Fixture() {
    const auto folder = test::source_folder() / "tests/goldens/score";
    auto loaded = Model::load(folder.string(), {.device = "cpu", .threads = 1}, context);
    REQUIRE(loaded);
    model = std::move(*loaded);
    auto tokenizer = Tokenizer::load(folder);
    REQUIRE(tokenizer);
    encoder.emplace(std::move(*tokenizer));
    auto data = load_dataset(folder / "data.jsonl");
    REQUIRE(data);
    samples = std::move(data->samples);
    options.max_new_tokens = 12;
    for (int layer = 0; layer < 2; ++layer) {
      for (int head = 0; head < 4; ++head) options.heads.push_back({layer, head});
    }
  }

  CausalRun run() {
    auto done = check_samples(*model, *encoder, samples, options, {}, context);
    REQUIRE_MESSAGE(done, done.error().message);
    return std::move(*done);
  }
};

Json golden() {
  const auto json = read_json_file(test::source_folder() / "tests/goldens/causal.json");
  REQUIRE(json);
  return *json;
}

void check_documents(const CausalCheck& check, const Json& golden, const Json& masked) {
  const double base = golden["log_probability"].get<double>();
  CHECK(check.log_probability == doctest::Approx(base).epsilon(1e-5));
  REQUIRE(check.documents.size() == masked.size());
  for (std::size_t i = 0; i < masked.size(); ++i) {
    CHECK(std::abs(check.documents[i].drop - (base - masked[i].get<double>())) < 2e-4);
  }
}

}  // namespace

TEST_CASE("drops of hidden documents and ablated heads are Hugging Face's") {
  Fixture fixture;
  const Json expected = golden();
  const auto run = fixture.run();
  REQUIRE(run.samples.size() == expected.size());
  for (std::size_t s = 0; s < expected.size(); ++s) {
    const CausalSample& sample = run.samples[s];
    check_documents(sample.check, expected[s], expected[s]["hide"]);
    REQUIRE(sample.check.heads.size() == 8);
    const double base = expected[s]["log_probability"].get<double>();
    for (const HeadEffect& effect : sample.check.heads) {
      const double without =
          expected[s]["ablate"][effect.head.layer][effect.head.head].get<double>();
      CHECK(std::abs(effect.drop - (base - without)) < 2e-4);
    }
    CHECK(sample.check.documents[*sample.gold].gold);
    CHECK(sample.check.mass_document == static_cast<int>(*sample.gold));
  }
}

TEST_CASE("drops of removed documents are Hugging Face's") {
  Fixture fixture;
  fixture.options.mask = DocumentMask::remove;
  fixture.options.ablate_heads = false;
  const Json expected = golden();
  const auto run = fixture.run();
  REQUIRE(run.samples.size() == expected.size());
  for (std::size_t s = 0; s < expected.size(); ++s) {
    check_documents(run.samples[s].check, expected[s], expected[s]["remove"]);
    CHECK(run.samples[s].check.heads.empty());
  }
}

TEST_CASE("a document is hidden on both backends of attention alike, beside other interventions") {
  Fixture fixture;
  const auto encoding = fixture.encoder->encode(build_prompt(fixture.samples[0]).text);
  REQUIRE(encoding);
  ForcedAnswer answer{encoding->ids, {70, 71, 72}, {}};
  TokenSet hidden;
  for (std::int64_t t = 150; t < 190; ++t) hidden.push_back(t);
  const auto alone = hidden_log_probability(*fixture.model, answer, hidden, fixture.context);
  REQUIRE(alone);
  // An intervention that marks hidden keys finds no mass on them: the identity.
  answer.interventions.push_back(
      {SplitSoftmax{0.1, hidden}, {{1, 2}}, {RowSelection::Kind::response}});
  const auto marked = hidden_log_probability(*fixture.model, answer, hidden, fixture.context);
  REQUIRE(marked);
  CHECK(*marked == doctest::Approx(*alone).epsilon(1e-5));
  answer.interventions.front() = {
      SplitSoftmax{0.1, {20, 21, 22}}, {{1, 2}}, {RowSelection::Kind::response}};
  const auto other = hidden_log_probability(*fixture.model, answer, hidden, fixture.context);
  REQUIRE(other);
  CHECK(std::abs(*other - *alone) > 1e-4);
  // Nothing hidden: the plain probability.
  const auto none = hidden_log_probability(*fixture.model, answer, {}, fixture.context);
  const auto plain = answer_log_probability(*fixture.model, answer, fixture.context);
  REQUIRE(none);
  REQUIRE(plain);
  CHECK(*none == doctest::Approx(*plain).epsilon(1e-5));
}

TEST_CASE("removing a document leaves the prompt that is built without it") {
  QaSample sample = test::demo_test_sample(3, 4);
  const auto built = build_prompt(sample);
  for (std::size_t i = 0; i < built.documents.size(); ++i) {
    const auto rest = find_documents(without_document(built, i).text);
    REQUIRE(rest.documents.size() == 3);
    CHECK(rest.text.find("\n\n\n") == std::string::npos);
    for (const auto& document : rest.documents) CHECK(document.number != static_cast<int>(i) + 1);
  }
  sample.documents.resize(1);
  const auto one = build_prompt(sample);
  QaSample none = sample;
  none.documents.clear();
  CHECK(without_document(one, 0).text == build_prompt(none).text);
}

TEST_CASE("prompts that cannot be checked are skipped and counted") {
  Fixture fixture;
  fixture.options.ablate_heads = false;
  fixture.samples.resize(2);
  fixture.samples[0].documents.clear();
  fixture.samples[1].documents[0].text = std::string(3000, 'x');
  const auto run = fixture.run();
  CHECK(run.samples.empty());
  CHECK(run.skipped.at(skip_no_documents) == 1);
  CHECK(run.skipped.at(skip_too_long) == 1);
  CHECK(std::isnan(summary_of(run).gold_drop));
  CHECK(to_json(summary_of(run))["guess"]["accuracy"].is_null());
  fixture.options.heads.clear();
  CHECK(check_prompt(*fixture.model, *fixture.encoder, {}, fixture.options, {}).error().kind ==
        ErrorKind::usage);
}

TEST_CASE("without a gold mark the likely document stands in, and reference answers are used") {
  Fixture fixture;
  fixture.samples.resize(1);
  for (auto& document : fixture.samples[0].documents) document.gold = false;
  fixture.samples[0].answers = {"abc"};
  auto run = check_samples(*fixture.model, *fixture.encoder, fixture.samples, fixture.options,
                           {.reference = true}, fixture.context);
  REQUIRE(run);
  REQUIRE(run->samples.size() == 1);
  const CausalSample& sample = run->samples[0];
  CHECK(sample.response == " abc");
  CHECK(!sample.gold);
  CHECK(std::isnan(sample.auc));
  CHECK(sample.check.mass_document == sample.likely.index);
  CHECK(sample.check.heads.size() == 8);
  CHECK(to_json(sample)["auc"].is_null());
  CHECK(summary_of(*run).marked == 0);
}

TEST_CASE("a sample is read back as it was, and is not checked again") {
  Fixture fixture;
  fixture.samples.resize(2);
  for (auto& document : fixture.samples[1].documents) document.gold = false;
  const auto run = fixture.run();
  CausalSamplesOptions again;
  for (const CausalSample& sample : run.samples) {
    auto back = causal_sample_from(to_json(sample), "causal.json");
    REQUIRE_MESSAGE(back, (back ? "" : back.error().message));
    CHECK(to_json(*back) == to_json(sample));
    again.finished.push_back(std::move(*back));
  }
  again.finished[0].response = "as before";
  again.finished[1].question = "another one";
  const auto resumed = check_samples(*fixture.model, *fixture.encoder, fixture.samples,
                                     fixture.options, again, fixture.context);
  REQUIRE(resumed);
  CHECK(resumed->samples[0].response == "as before");
  CHECK(to_json(resumed->samples[1]) == to_json(run.samples[1]));
  Json damaged = to_json(run.samples[0]);
  damaged["mask"] = "shade";
  CHECK(causal_sample_from(damaged, "causal.json").error().message.find("mask") !=
        std::string::npos);
}

TEST_CASE("agreement of masses and drops") {
  CausalCheck check;
  for (const double mass : {0.1, 0.4, 0.2, 0.3}) {
    DocumentEffect effect;
    effect.mass = mass;
    effect.drop = mass * mass;
    check.documents.push_back(effect);
  }
  CHECK(check.document_agreement().spearman == doctest::Approx(1));
  CHECK(check.document_agreement().kendall == doctest::Approx(1));
  CHECK(check.most_needed() == 1);
  std::swap(check.documents[0].drop, check.documents[1].drop);
  CHECK(check.document_agreement().spearman ==
        doctest::Approx(-0.8));  // by hand: ranks 1 4 2 3, 4 1 2 3
  CHECK(std::isnan(check.head_agreement().spearman));
  check.documents[0].drop = 0.3;  // drop = mass + 0.2 everywhere
  check.documents[1].drop = 0.6;
  check.documents[2].drop = 0.4;
  check.documents[3].drop = 0.5;
  CHECK(check.document_agreement().pearson == doctest::Approx(1));
  check.documents[1].drop = 0.3;  // by numpy.corrcoef
  CHECK(check.document_agreement().pearson == doctest::Approx(0.13483997));
  const std::vector<Agreement> several = {{0.5, 0.4, 0.1}, {NAN, NAN, NAN}, {1, 0.8, 0.3}};
  const auto mean = mean_agreement(several, 0);
  CHECK(mean.n == 2);
  CHECK(mean.spearman == doctest::Approx(0.75));
  CHECK(mean.kendall == doctest::Approx(0.6));
  CHECK(mean.pearson == doctest::Approx(0.2));
  CHECK(mean.spearman_interval.low >= 0.5);
  CHECK(CausalCheck{}.most_needed() == -1);
}
