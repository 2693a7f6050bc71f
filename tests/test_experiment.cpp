// Scoring and evaluating data sets on a model with random weights, against plain sums over captured
// weights; which samples are used; what passports remember.
// links: headscope_experiment headscope_demo_world
// timeout: 300
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <numeric>

#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/experiment/data_part.h"
#include "core/experiment/direction_data.h"
#include "core/experiment/evaluate.h"
#include "core/experiment/intervention_set.h"
#include "core/experiment/score_lines.h"
#include "core/experiment/selftest.h"
#include "core/session/directions_file.h"
#include "core/session/head_set.h"
#include "core/sweep/weights_hash.h"
#include "tests/random_demo_model.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using headscope::test::TemporaryFolder;

namespace {

struct Fixture : test::RandomDemoModel {
  std::vector<QaSample> samples;

  explicit Fixture(int count = 3) : samples(test::demo_test_samples(50, count)) {}

  SamplePrompt prompt(std::size_t i = 0, PromptKind kind = PromptKind::all) const {
    auto made = make_sample_prompt(samples[i], kind, *tokenizer);
    REQUIRE(made);
    return *made;
  }
};

std::string last_line(const std::string& text) {
  const auto end = text.size() - 1;
  const auto begin = text.rfind('\n', end - 1);
  return text.substr(begin + 1, end - begin - 1);
}

// Tokens whose bytes lie in [begin, end) of the prompt, by walking over every byte.
TokenSet tokens_of_bytes(const Encoding& encoding, ByteSpan span) {
  TokenSet tokens;
  for (std::size_t t = 0; t < encoding.size(); ++t) {
    bool inside = false;
    for (std::size_t byte = encoding.offsets[t].begin; byte < encoding.offsets[t].end; ++byte) {
      inside = inside || (byte >= span.begin && byte < span.end);
    }
    if (inside) tokens.push_back(static_cast<std::int64_t>(t));
  }
  return tokens;
}

// Mean over rows [first, first + n) of the weight that a head gives to `tokens`, from the reference
// backend's weights over the whole sequence.
double plain_mass(Model& model, const std::vector<std::int32_t>& ids, TokenRange rows, HeadId head,
                  const TokenSet& tokens) {
  ForwardRequest request;
  request.ids = ids;
  request.backend = AttentionBackend::reference;
  Capture capture;
  capture.rows = rows;
  request.capture = std::move(capture);
  const auto result = model.forward(request, {});
  REQUIRE(result);
  const auto& weights = result->attention.weights;
  const auto keys = static_cast<std::size_t>(result->attention.keys);
  const auto at = static_cast<std::size_t>(head.layer * model.config().heads + head.head);
  double sum = 0;
  for (std::int64_t row = 0; row < rows.size(); ++row) {
    const float* begin =
        weights.data() +
        (at * static_cast<std::size_t>(rows.size()) + static_cast<std::size_t>(row)) * keys;
    for (const auto token : tokens) sum += begin[token];
  }
  return sum / static_cast<double>(rows.size());
}

Dataset data_of(int count) {
  Dataset data;
  data.name = "made.jsonl";
  data.sha256 = "made";
  for (int i = 0; i < count; ++i) {
    QaSample sample;
    sample.question = "question " + std::to_string(i);
    sample.index = i;
    data.samples.push_back(std::move(sample));
  }
  return data;
}

std::vector<std::string> questions_of(const std::vector<QaSample>& samples) {
  std::vector<std::string> questions;
  for (const auto& sample : samples) questions.push_back(sample.question);
  return questions;
}

}  // namespace

TEST_CASE("a sample's key sets are the tokens of its documents") {
  Fixture f;
  const SamplePrompt prompt = f.prompt();
  const QaSample& sample = f.samples[0];
  const Document& gold = sample.documents[*sample.gold_position()];
  const std::string body = "(Title: " + gold.title + ") " + gold.text;
  const std::size_t begin = prompt.built.text.find(body);
  REQUIRE(begin != std::string::npos);
  CHECK((prompt.gold == tokens_of_bytes(prompt.encoding, {begin, begin + body.size()})));
  CHECK(prompt.others.size() == sample.documents.size() - 1);
  CHECK((prompt.span_sets().back() == TokenSet{0, 1}));
  CHECK((prompt.layout().gold == std::vector<int>{0}));
  const SamplePrompt without = f.prompt(0, PromptKind::no_gold);
  CHECK(without.gold.empty());
  CHECK(without.layout().gold.empty());
  CHECK(without.layout().documents == 3);
  CHECK(f.prompt(0, PromptKind::gold_only).others.empty());
}

TEST_CASE("scores of a run equal sums over the reference's weights, for both row conventions") {
  Fixture f;
  const SamplePrompt prompt = f.prompt();
  for (const auto rows : {RowConvention::input, RowConvention::predict}) {
    const auto run =
        run_sample(*f.model, *f.tokenizer, prompt, {.max_new_tokens = 6, .rows = rows}, {});
    REQUIRE(run);
    REQUIRE_FALSE(run->ids.empty());
    auto ids = prompt.encoding.ids;
    ids.insert(ids.end(), run->ids.begin(), run->ids.end());
    const std::int64_t early = rows == RowConvention::predict ? 1 : 0;
    const TokenRange window{prompt.tokens() - early, static_cast<std::int64_t>(ids.size()) - early};
    for (const HeadId head : {HeadId{0, 0}, HeadId{1, 3}, HeadId{2, 2}}) {
      const auto at = run->scores.index(head);
      CHECK(run->scores.relevant[at] ==
            doctest::Approx(plain_mass(*f.model, ids, window, head, prompt.gold)).epsilon(1e-3));
      CHECK(run->scores.sink[at] ==
            doctest::Approx(plain_mass(*f.model, ids, window, head, {0, 1})).epsilon(1e-3));
      double sum = 0, largest = 0;
      for (const auto& other : prompt.others) {
        const double mass = plain_mass(*f.model, ids, window, head, other);
        sum += mass;
        largest = std::max(largest, mass);
      }
      CHECK(run->scores.irrelevant_sum[at] == doctest::Approx(sum).epsilon(1e-3));
      CHECK(run->scores.irrelevant_max[at] == doctest::Approx(largest).epsilon(1e-3));
    }
  }
}

TEST_CASE("scoring averages over samples and counts what it skips") {
  Fixture f;
  auto samples = f.samples;
  QaSample unmarked = samples[0];
  for (auto& document : unmarked.documents) document.gold = false;
  QaSample endless = samples[0];
  for (int i = 0; i < 9; ++i) endless.documents[0].text += endless.documents[0].text;
  samples.push_back(unmarked);
  samples.push_back(endless);
  const ScoreOptions options{.max_new_tokens = 4};
  const auto run = score_samples(*f.model, *f.tokenizer, samples, options, {});
  REQUIRE(run);
  const ScoreSummary summary = run->scores.summary();
  CHECK(summary.samples == 3);
  CHECK(summary.skipped.at(skip_no_gold) == 1);
  CHECK(summary.skipped.at(skip_too_long) == 1);
  CHECK(run->questions.size() == 3);
  double mean = 0, gold_only = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const SampleRunOptions how{.max_new_tokens = 4};
    mean += run_sample(*f.model, *f.tokenizer, f.prompt(i), how, {})->scores.relevant[5] / 3;
    gold_only += run_sample(*f.model, *f.tokenizer, f.prompt(i, PromptKind::gold_only), how, {})
                     ->scores.relevant[5] /
                 3;
  }
  CHECK(summary.relevant[5] == doctest::Approx(mean));
  CHECK(summary.gold_only_relevant[5] == doctest::Approx(gold_only));
}

TEST_CASE("a scoring goes on from the lines that are whole, to the same bits") {
  Fixture f;
  const auto file = f.folder / "heads.unfinished";
  const Json heading = {{"seed", 1}};
  const auto score = [&](ScoreLines& lines) {
    ScoreOptions how{.max_new_tokens = 4, .spread = true};
    how.finished = lines.finished();
    how.on_sample = [&lines](const ScoredSample& sample) { return lines.add(sample); };
    auto run = score_samples(*f.model, *f.tokenizer, f.samples, how, {});
    REQUIRE(run);
    return to_json(head_set_from(run->scores.summary(), {}));
  };
  auto lines = ScoreLines::open(file, heading);
  REQUIRE(lines);
  const Json whole = score(*lines);
  auto text = read_text_file(file);
  REQUIRE(text);
  // Killed within the third line.
  const std::string torn = text->substr(0, text->size() - 100);
  REQUIRE(write_file_atomically(file, torn));
  auto again = ScoreLines::open(file, heading);
  REQUIRE(again);
  CHECK(again->finished().size() == 2);
  CHECK(score(*again) == whole);
  CHECK(read_text_file(file) == *text);
  // What was there is believed.
  auto changed = *ScoreLines::open(file, heading);
  REQUIRE(changed.finished().size() == 3);
  CHECK(to_json(changed.finished()[2]) == parse_json(last_line(*text), "line"));
  CHECK(ScoreLines::open(file, {{"seed", 2}})->finished().empty());
  REQUIRE(again->finish());
  CHECK_FALSE(std::filesystem::exists(file));
}

TEST_CASE("a cancelled scoring or evaluation keeps the samples that were finished") {
  Fixture f;
  int polls = 0, limit = 1 << 30;
  RunContext context;
  context.is_cancelled = [&] { return ++polls > limit; };
  REQUIRE(score_samples(*f.model, *f.tokenizer, f.samples, {.max_new_tokens = 4}, context));
  limit = polls / 2;
  polls = 0;
  const auto scored =
      score_samples(*f.model, *f.tokenizer, f.samples, {.max_new_tokens = 4}, context);
  REQUIRE(scored);
  CHECK(scored->cancelled);
  CHECK(scored->scores.samples() >= 1);
  CHECK(scored->scores.samples() < 3);
  limit = polls / 2;
  polls = 0;
  const auto evaluated =
      evaluate_samples(*f.model, *f.tokenizer, f.samples, {.max_new_tokens = 4}, context);
  REQUIRE(evaluated);
  CHECK(evaluated->cancelled);
  CHECK(evaluated->samples.size() < 3);
}

TEST_CASE("evaluation: masses over chosen heads, before and after a split, null without gold") {
  Fixture f;
  const std::vector<HeadId> heads{{0, 1}, {0, 3}};
  EvaluateOptions options{.max_new_tokens = 4, .mass_heads = heads};
  const auto plain = evaluate_samples(*f.model, *f.tokenizer, f.samples, options, {});
  REQUIRE(plain);
  const auto run = run_sample(*f.model, *f.tokenizer, f.prompt(1), {.max_new_tokens = 4}, {});
  CHECK(plain->samples[1].relevant_mass ==
        doctest::Approx((run->scores.relevant[1] + run->scores.relevant[3]) / 2));
  CHECK_FALSE(plain->samples[1].relevant_mass_after.has_value());

  options.before_split = true;
  options.interventions = [&](const SamplePrompt& prompt) -> Result<std::vector<Intervention>> {
    return std::vector<Intervention>{{SplitSoftmax{0.1, prompt.gold}, heads, {}}};
  };
  const auto split = evaluate_samples(*f.model, *f.tokenizer, f.samples, options, {});
  REQUIRE(split);
  for (const auto& sample : split->samples) {
    REQUIRE(sample.relevant_mass_after.has_value());
    CHECK(*sample.relevant_mass_after > sample.relevant_mass);
  }
  const Json summary = summary_json(*split);
  CHECK(summary["n"] == 3);
  CHECK(summary["relevant_mass_after"].get<double>() > summary["relevant_mass"].get<double>());
  CHECK(summary["em_low"].get<double>() <= summary["em"].get<double>());

  const auto without = evaluate_samples(*f.model, *f.tokenizer, f.samples,
                                        {.prompt = PromptKind::no_gold, .max_new_tokens = 2}, {});
  CHECK(summary_json(*without)["relevant_mass"].is_null());
  CHECK(to_json(without->samples[0])["relevant_mass"].is_null());
}

TEST_CASE("training takes the training part, evaluation avoids what was trained on") {
  const Dataset data = data_of(60);
  const auto train = choose_for_training(data, std::nullopt, std::nullopt);
  REQUIRE(train);
  CHECK(train->part == DataPart::train);
  for (const auto& sample : train->samples)
    CHECK(part_of_question(sample.question) == DataPart::train);
  CHECK(choose_for_training(data, std::nullopt, 5)->samples.size() == 5);

  UsedData used;
  CHECK(choose_for_evaluation(data, std::nullopt, std::nullopt, used)->samples.size() == 60);
  Passport passport;
  passport.data_sha256 = data.sha256;
  record_questions(passport, questions_of(train->samples));
  const auto stored = passport_from_json(to_json(passport), "p");
  REQUIRE(stored);
  used.add(*stored);
  const auto held_out = choose_for_evaluation(data, std::nullopt, std::nullopt, used);
  CHECK(held_out->part == DataPart::test);
  CHECK(held_out->samples.size() + train->samples.size() == 60);
  CHECK_FALSE(held_out->notes.empty());
  Dataset other = data;  // the same questions in another file
  other.sha256 = "other";
  const auto rest = choose_for_evaluation(other, std::nullopt, std::nullopt, used);
  CHECK(rest->part == DataPart::all);
  CHECK((questions_of(rest->samples) == questions_of(held_out->samples)));
  const auto mixed = choose_for_evaluation(data, DataPart::all, std::nullopt, used);
  CHECK(mixed->samples.size() == 60);
  CHECK(mixed->notes.size() == 1);

  const auto small = choose_for_training(data_of(4), std::nullopt, std::nullopt);
  CHECK(small->part == DataPart::all);
  CHECK_FALSE(small->notes.empty());
  CHECK(choose_for_training(data_of(0), std::nullopt, std::nullopt).error().kind ==
        ErrorKind::bad_input);
}

TEST_CASE("the hash of the weights is that of the file, and is remembered until the file changes") {
  TemporaryFolder folder;
  test::write_random_demo_model(folder.path());
  const auto cache = folder / "cache" / "hashes.json";
  const auto weights = folder / "model.safetensors";
  const std::string expected = *sha256_file(weights);
  CHECK(weights_sha256(folder.path(), {}, {}, cache).value() == expected);
  Json known = *read_json_file(cache);
  REQUIRE(known.size() == 1);
  known.begin().value()[1] = "remembered";
  REQUIRE(write_file_atomically(cache, dump_json(known)));
  CHECK(weights_sha256(folder.path(), {}, {}, cache).value() == "remembered");
  test::write_random_demo_model(folder.path(), 2);
  const auto fresh = weights_sha256(folder.path(), {}, {}, cache);
  CHECK(fresh.value() == *sha256_file(weights));
  CHECK(fresh.value() != expected);
  REQUIRE(write_file_atomically(cache, "not json"));
  CHECK(weights_sha256(folder.path(), {}, {}, cache).value() == *fresh);
}

TEST_CASE("descriptions become interventions of this model and prompt") {
  Fixture f;
  const ModelConfig& config = f.model->config();
  const SamplePrompt prompt = f.prompt();
  const auto gold = prompt.built.gold_spans();
  InterventionDefaults defaults;
  defaults.ranking = {{2, 1}, {0, 0}, {1, 1}};
  defaults.top_k = 2;
  InterventionDescription split;
  split.values = {0.3};
  const auto set = InterventionSet::create({split}, config, defaults);
  REQUIRE(set);
  CHECK(set->splits());
  CHECK((set->heads() == std::vector<HeadId>{{2, 1}, {0, 0}}));
  const auto ready = set->for_prompt({prompt.encoding.offsets, gold}, WithoutGold::refuse);
  REQUIRE(ready);
  CHECK((ready->at(0).method.marked == prompt.gold));
  CHECK_FALSE(set->for_prompt({prompt.encoding.offsets, {}}, WithoutGold::refuse));
  CHECK(set->for_prompt({prompt.encoding.offsets, {}}, WithoutGold::leave_out)->empty());

  // InstABoost acts everywhere unless heads are named; ablation needs no gold mark.
  InterventionDescription boost{.method = &instaboost_method, .values = {3}};
  const auto boosted = InterventionSet::create({boost}, config, defaults);
  REQUIRE(boosted);
  CHECK(boosted->heads().size() == static_cast<std::size_t>(config.layers * config.heads));
  boost.top_k = 1;
  CHECK(
      (InterventionSet::create({boost}, config, defaults)->heads() == std::vector<HeadId>{{2, 1}}));
  InterventionDescription ablate{.method = &ablate_method, .values = {1}};
  const auto ablated = InterventionSet::create({ablate}, config, defaults);
  REQUIRE(ablated);
  CHECK_FALSE(ablated->splits());
  const auto without_gold = ablated->for_prompt({prompt.encoding.offsets, {}}, WithoutGold::refuse);
  REQUIRE(without_gold);
  CHECK((without_gold->at(0).method.method == &ablate_method));

  InterventionDescription focus;
  focus.method = &focus_method;
  focus.values = {0.3, 0};
  focus.heads = {{1, 2}};
  CHECK(InterventionSet::create({focus}, config, defaults).error().kind == ErrorKind::usage);
  focus.directions = "random";
  const auto random = InterventionSet::create({focus}, config, defaults);
  REQUIRE(random);
  CHECK(random->notes().size() == 1);
  const auto drawn = random->for_prompt({prompt.encoding.offsets, gold}, WithoutGold::refuse);
  const auto& directions = *drawn->at(0).method.directions;
  double norm = 0;
  for (int i = 0; i < 16; ++i) norm += std::pow(directions.query_of({1, 2})[i], 2);
  CHECK(std::sqrt(norm) == doctest::Approx(2 * std::sqrt(16.0)));

  defaults.ranking.clear();
  CHECK(InterventionSet::create({split}, config, defaults).error().kind == ErrorKind::usage);
  split.head_set = (f.folder / "none.json").string();
  CHECK(InterventionSet::create({split}, config, defaults).error().kind == ErrorKind::bad_input);
}

TEST_CASE("material of direction training: keys everywhere, queries at the response") {
  Fixture f;
  const auto data =
      collect_direction_data(*f.model, *f.tokenizer, f.samples, {.max_new_tokens = 3}, {});
  REQUIRE(data);
  REQUIRE(data->samples.size() + static_cast<std::size_t>(data->skipped.size()) >= 1);
  for (const auto& sample : data->samples) {
    CHECK(sample.capture.rows.end == sample.capture.keys);
    CHECK(sample.capture.rows.size() <= 3);
    CHECK(sample.gold.back() < sample.capture.rows.begin);
  }
  // With no direction, the cached keys and queries give the model's own attention.
  const DirectionShape shape = direction_shape(f.model->config());
  const auto none = train_directions(data->samples, shape, {.epochs = 0}, {});
  const auto masses =
      relevant_mass(std::span(data->samples).first(1), shape, none->directions, 0, {});
  REQUIRE(masses);
  const SamplePrompt prompt = f.prompt();
  const auto gold_only = run_sample(*f.model, *f.tokenizer, f.prompt(0, PromptKind::gold_only),
                                    {.max_new_tokens = 3}, {});
  auto ids = prompt.encoding.ids;
  ids.insert(ids.end(), gold_only->ids.begin(), gold_only->ids.end());
  const TokenRange rows{prompt.tokens(), static_cast<std::int64_t>(ids.size())};
  for (const HeadId head : {HeadId{0, 0}, HeadId{1, 3}, HeadId{2, 1}}) {
    CHECK((*masses)[static_cast<std::size_t>(head.layer * 4 + head.head)] ==
          doctest::Approx(plain_mass(*f.model, ids, rows, head, prompt.gold)).epsilon(1e-3));
  }
}

TEST_CASE("trained directions act in the model as in training") {
  Fixture f(6);
  const DirectionShape shape = direction_shape(f.model->config());
  const auto data =
      collect_direction_data(*f.model, *f.tokenizer, f.samples, {.max_new_tokens = 3}, {});
  REQUIRE(data);
  const auto trained =
      train_directions(data->samples, shape, {.epochs = 20, .learning_rate = 0.05}, {});
  REQUIRE(trained);
  // In the first layer nothing lies below, so the model's mass under alpha = 1 is the trained one.
  const auto expected =
      relevant_mass(std::span(data->samples).first(1), shape, trained->directions, 1, {});
  std::vector<HeadId> first_layer;
  for (int head = 0; head < 4; ++head) first_layer.push_back({0, head});
  const SamplePrompt prompt = f.prompt();
  GenerateRequest request;
  request.prompt_ids = prompt.encoding.ids;
  request.forced_response = run_sample(*f.model, *f.tokenizer, f.prompt(0, PromptKind::gold_only),
                                       {.max_new_tokens = 3}, {})
                                ->ids;
  request.interventions = {
      {Focus{1, std::make_shared<const Directions>(trained->directions), true}, first_layer, {}}};
  Capture capture;
  capture.weights = false;
  capture.span_sets = {prompt.gold};
  request.capture = std::move(capture);
  const auto run = f.model->generate(request, {});
  REQUIRE(run);
  const auto rows = static_cast<std::size_t>(run->attention.rows.size());
  for (std::size_t head = 0; head < 4; ++head) {
    double mass = 0;
    for (std::size_t row = 1; row < rows; ++row)
      mass += run->attention.span_sums[head * rows + row];
    CHECK(mass / static_cast<double>(rows - 1) == doctest::Approx((*expected)[head]).epsilon(1e-3));
  }
}

TEST_CASE("the selftest passes on a sound model") {
  Fixture f;
  for (const auto& check : run_selftest(*f.model, *f.tokenizer, false, {})) {
    CHECK_MESSAGE(check.passed, check.name << ": " << check.detail);
  }
}
