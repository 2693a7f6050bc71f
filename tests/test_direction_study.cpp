// Direction training as a whole: samples in a file, places of the gold document, held-out check.
// links: headscope_experiment headscope_demo_world
// timeout: 300
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>

#include "core/experiment/direction_check.h"
#include "core/experiment/direction_study.h"
#include "core/experiment/direction_work.h"
#include "core/experiment/gold_positions.h"
#include "core/session/compare_directions.h"
#include "tests/random_demo_model.h"
#include "tests/temporary_folder.h"

using namespace headscope;
using headscope::test::TemporaryFolder;

namespace {

const DirectionShape kShape{2, 4, 2, 3, 1 / std::sqrt(3.0)};
constexpr std::uint64_t kEverything = 1u << 30;

std::vector<float> normals(std::size_t count, Rng& rng) {
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(rng.normal());
  return values;
}

// Gold and irrelevant tokens in turn; `keys` differ between samples.
DirectionSample made_sample(std::uint64_t seed) {
  Rng rng(seed);
  DirectionSample sample;
  sample.capture.keys = 8 + static_cast<std::int64_t>(rng.below(6));
  sample.capture.rows = {sample.capture.keys - 2, sample.capture.keys};
  sample.gold = {2, 3};
  sample.irrelevant = {4, 5};
  const auto keys = static_cast<std::size_t>(sample.capture.keys);
  for (int layer = 0; layer < kShape.layers; ++layer) {
    sample.capture.queries.push_back(normals(4 * 2 * 3, rng));
    sample.capture.key_values.push_back(normals(2 * keys * 3, rng));
  }
  return sample;
}

DirectionStore opened(const std::filesystem::path& file, std::uint64_t memory) {
  auto store = DirectionStore::open(file, kShape, memory);
  REQUIRE_MESSAGE(store, (store ? "" : store.error().message));
  return std::move(*store);
}

void fill(DirectionStore& store, int samples) {
  for (int i = 0; i < samples; ++i) REQUIRE(store.add(made_sample(static_cast<unsigned>(i))));
}

std::vector<float> trained_on(DirectionStore& store) {
  const auto training = train_directions(store, kShape, {.epochs = 3, .seed = 5}, {});
  REQUIRE(training);
  return training->directions.query;
}

struct Fixture : test::RandomDemoModel {
  std::vector<QaSample> train, held_out;

  explicit Fixture(int count = 6)
      : train(test::demo_test_samples(50, count)), held_out(test::demo_test_samples(90, count)) {}

  DirectionStudyOptions options(const std::string& work) const {
    DirectionStudyOptions options;
    options.data.max_new_tokens = 3;
    options.training = {.epochs = 4, .learning_rate = 0.02, .seed = 1};
    options.top_heads = 3;
    options.work = work.empty() ? "" : folder / work;
    return options;
  }
  Result<DirectionStudy> run(const DirectionStudyOptions& options, const RunContext& context = {}) {
    return run_direction_study(*model, *tokenizer, train, held_out, options, context);
  }
};

QaSample question(std::size_t documents, std::size_t gold) {
  QaSample sample;
  for (std::size_t i = 0; i < documents; ++i) {
    sample.documents.push_back({"title " + std::to_string(i), "text", i == gold, false});
  }
  return sample;
}

}  // namespace

TEST_CASE("what is read from the file trains to the same bits as what is kept in memory") {
  TemporaryFolder folder;
  DirectionStore kept = opened(folder / "kept", kEverything);
  DirectionStore spilled = opened(folder / "spilled", 1500);
  DirectionStore nowhere = opened({}, 0);
  for (auto* store : {&kept, &spilled, &nowhere}) {
    fill(*store, 7);
    REQUIRE(store->skip("no gold document"));
    CHECK(store->size() == 7);
    CHECK(store->finished() == 8);
  }
  CHECK(kept.spilled() == 0);
  CHECK(spilled.spilled() > 3);
  CHECK(spilled.spilled() < 7);
  const auto expected = trained_on(kept);
  CHECK(trained_on(spilled) == expected);
  CHECK(trained_on(nowhere) == expected);
  DirectionStore again = opened(folder / "kept", 0);
  CHECK(again.spilled() == 7);
  CHECK(again.skipped().at("no gold document") == 1);
  CHECK(trained_on(again) == expected);
}

TEST_CASE("a torn or damaged end is cut off, and collecting goes on behind the rest") {
  TemporaryFolder folder;
  const auto file = folder / "samples";
  std::uint64_t whole = 0;
  {
    DirectionStore store = opened(file, 0);
    fill(store, 3);
    whole = store.bytes();
    REQUIRE(store.add(made_sample(3)));
  }
  const std::uint64_t size = std::filesystem::file_size(file);
  for (const std::uint64_t torn : {size - 1, whole + 30, whole + 1}) {
    std::filesystem::resize_file(file, torn);
    DirectionStore store = opened(file, 0);
    CHECK(store.finished() == 3);
    CHECK(std::filesystem::file_size(file) == whole);
    REQUIRE(store.add(made_sample(3)));
    CHECK(std::filesystem::file_size(file) == size);
  }
  {
    std::fstream damage(file, std::ios::in | std::ios::out | std::ios::binary);
    damage.seekp(static_cast<std::streamoff>(size - 5));
    damage.put('x');
  }
  CHECK(opened(file, 0).finished() == 3);
}

TEST_CASE("a full disk, a foreign file and another model are errors") {
  TemporaryFolder folder;
  const auto full = DirectionStore::open("/dev/full", kShape, 0);
  REQUIRE_FALSE(full);
  CHECK(full.error().kind == ErrorKind::bad_input);
  std::ofstream(folder / "foreign") << "something else entirely";
  REQUIRE_FALSE(DirectionStore::open(folder / "foreign", kShape, 0));
  CHECK(std::filesystem::file_size(folder / "foreign") == 23);
  {
    DirectionStore store = opened(folder / "other", 0);
    fill(store, 1);
  }
  DirectionShape other = kShape;
  other.layers = 3;
  const auto refused = DirectionStore::open(folder / "other", other, 0);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("another model") != std::string::npos);
}

TEST_CASE("a study that was stopped goes on to the same bits") {
  Fixture f;
  const auto expected = f.run(f.options(""));
  REQUIRE_MESSAGE(expected, (expected ? "" : expected.error().message));
  const auto options = f.options("work");
  // Stopped while it collects, in the midst of the third epoch, and behind that again.
  const std::pair<const char*, double> stops[] = {
      {"keys and queries", 3}, {"train directions", 14}, {"train directions", 20}};
  for (const auto& [what, at] : stops) {
    bool stop = false;
    RunContext context;
    context.is_cancelled = [&stop] { return stop; };
    context.on_progress = [&](const Progress& p) { stop |= p.what == what && p.done >= at; };
    const auto part = f.run(options, context);
    CHECK(stop);
    CHECK((!part || part->training.cancelled));
    CHECK(std::filesystem::exists(options.work / "settings.json"));
  }
  const auto whole = f.run(options);
  REQUIRE(whole);
  CHECK(whole->resumed);
  CHECK(whole->training.directions.query == expected->training.directions.query);
  CHECK(whole->training.directions.key == expected->training.directions.key);
  REQUIRE(whole->training.epochs.size() == 4);
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(whole->training.epochs[i].loss == expected->training.epochs[i].loss);
  CHECK(to_json(*whole->check) == to_json(*expected->check));
  REQUIRE(finish_direction_study(options));
  CHECK_FALSE(std::filesystem::exists(options.work));
}

TEST_CASE("unfinished work of other settings is refused by name, or thrown away when told to") {
  Fixture f(2);
  auto options = f.options("work");
  REQUIRE(f.run(options));
  options.training.learning_rate = 0.5;
  const auto refused = f.run(options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::bad_input);
  CHECK(refused.error().message.find("learning_rate 0.02 there, 0.5 here") != std::string::npos);
  options.restart = true;
  const auto again = f.run(options);
  REQUIRE(again);
  CHECK_FALSE(again->resumed);
  // Another process holds the lock.
  auto work = DirectionWork::open(f.folder / "held", Json::object(), false, kShape, 0);
  REQUIRE(work);
  CHECK_FALSE(DirectionWork::open(f.folder / "held", Json::object(), false, kShape, 0));
}

TEST_CASE("several seeds: the first is kept, cosines say how far the others agree") {
  Fixture f(3);
  auto options = f.options("");
  const auto one = f.run(options);
  options.seeds = 2;
  const auto two = f.run(options);
  REQUIRE(one);
  REQUIRE(two);
  CHECK(two->training.directions.query == one->training.directions.query);
  REQUIRE(two->agreement.size() == 1);
  CHECK(two->agreement[0].seed == 2);
  options.training.seed = 2;
  options.seeds = 1;
  const auto other = f.run(options);
  REQUIRE(other);
  const HeadId id = two->heads[0];
  const float* a = one->training.directions.query_of(id);
  const float* b = other->training.directions.query_of(id);
  double product = 0, aa = 0, bb = 0;
  for (int i = 0; i < 16; ++i) {
    product += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  CHECK(two->agreement[0].cosines[static_cast<std::size_t>(id.layer * 4 + id.head)] ==
        doctest::Approx(product / std::sqrt(aa * bb)));
}

TEST_CASE("cosines of directions") {
  Directions a{1, 2, 2, {1, 0, 0, 2}, {}}, b{1, 2, 2, {3, 0, 0, -1}, {}};
  const auto cosines = direction_cosines(a, b);
  REQUIRE(cosines);
  CHECK(*cosines == std::vector<float>{1, -1});
  CHECK(mean_cosine(*cosines, 2, {}) == doctest::Approx(0));
  CHECK(mean_cosine(*cosines, 2, {{0, 1}}) == doctest::Approx(-1));
  b.query[2] = b.query[3] = 0;
  CHECK(std::isnan((*direction_cosines(a, b))[1]));
  CHECK_FALSE(direction_cosines(a, Directions{2, 1, 2, {1, 0, 0, 2}, {}}));
}

TEST_CASE("the check reports shares of the chosen heads and of all") {
  DirectionStore store = opened({}, 0);
  fill(store, 3);
  Rng rng(2);
  const Directions directions{2, 4, 3, normals(24, rng), normals(24, rng)};
  const DirectionCheckOptions options{.heads = {{1, 2}, {0, 1}}, .alpha = 0.7, .random_seeds = 2};
  const auto check = check_directions(store, kShape, directions, options, {});
  REQUIRE(check);
  const DirectionVariant variant{&directions, 0.7, false};
  const auto masses = direction_masses(store, kShape, {&variant, 1}, {});
  REQUIRE(masses);
  double share = 0, all = 0;
  for (std::size_t sample = 0; sample < 3; ++sample) {
    double in = 0, out = 0, in_all = 0, out_all = 0;
    for (std::size_t head = 0; head < 8; ++head) {
      const double relevant = (*masses)[0].relevant[sample * 8 + head];
      const double irrelevant = (*masses)[0].irrelevant[sample * 8 + head];
      in_all += relevant;
      out_all += irrelevant;
      if (head == 6 || head == 1) in += relevant, out += irrelevant;
    }
    share += in / (in + out) / 3;
    all += in_all / (in_all + out_all) / 3;
  }
  CHECK(check->query_half.chosen.share == doctest::Approx(share));
  CHECK(check->query_half.all.share == doctest::Approx(all));
  CHECK(check->trained.chosen.share == doctest::Approx(share).epsilon(1e-4));
  CHECK(check->key_half_changes < 1e-5);
  CHECK(check->random.size() == 2);
  CHECK(check->random[0].chosen.share != check->random[1].chosen.share);
  CHECK(check->scan.size() == options.alphas.size());
  CHECK(check->trained.gain.low <= share - check->unedited.chosen.share);
  CHECK(check->trained.gain.high >= share - check->unedited.chosen.share);
  CHECK_FALSE(check_directions(store, kShape, directions, {.heads = {{2, 0}}}, {}));
  // Under a soft-cap the key half acts, and this says so.
  DirectionShape capped = kShape;
  capped.softcap = 0.5;
  CHECK(check_directions(store, capped, directions, options, {})->key_half_changes > 1e-3);
}

TEST_CASE("gold documents: training and check at different places") {
  std::vector<QaSample> train, held_out;
  for (std::size_t i = 0; i < 40; ++i) {
    train.push_back(question(6, i % 6));
    held_out.push_back(question(6, i % 6));
  }
  const auto placed = place_gold(train, held_out, {}, 1);
  CHECK(placed.train == std::vector<std::size_t>{0, 2, 4});
  CHECK(placed.held_out == std::vector<std::size_t>{1, 3, 5});
  CHECK(placed.disjoint);
  CHECK(train[2].gold_position() == 2);  // stood well already
  CHECK(train[0].documents.size() == 6);

  // Always at one place: drawn anew even where that place would do.
  train.assign(30, question(6, 2));
  held_out.assign(30, question(6, 2));
  const auto redrawn = place_gold(train, held_out, {GoldPlaces::Kind::listed, {1, 2}}, 1);
  CHECK(redrawn.train == std::vector<std::size_t>{1, 2});
  CHECK(redrawn.held_out == std::vector<std::size_t>{0, 3, 4, 5});
  CHECK(redrawn.notes.at(0).find("position 2") != std::string::npos);

  train.assign(3, question(1, 0));
  held_out.assign(3, question(1, 0));
  CHECK_FALSE(place_gold(train, held_out, {}, 1).disjoint);
  CHECK(held_out.size() == 3);
  train.assign(3, question(6, 2));
  CHECK(place_gold(train, held_out, {GoldPlaces::Kind::as_they_are, {}}, 1).train ==
        std::vector<std::size_t>{2});
}

TEST_CASE("places of gold documents: as passports say them, and back") {
  for (const GoldPlaces& places : {GoldPlaces{}, GoldPlaces{GoldPlaces::Kind::as_they_are, {}},
                                   GoldPlaces{GoldPlaces::Kind::listed, {0, 3}}}) {
    const auto read = gold_places_from(to_json(places), "d.json");
    REQUIRE(read);
    CHECK(read->kind == places.kind);
    CHECK(read->train == places.train);
  }
  for (const Json& wrong : {Json("now and then"), Json({0, -1}), Json({0.5}), Json()}) {
    const auto refused = gold_places_from(wrong, "d.json");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("d.json: field 'gold_places") == 0);
  }
}
