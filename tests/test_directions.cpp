// Training of focus directions against plain loops in double precision.
// links: headscope_training
#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "core/base/rng.h"
#include "core/training/directions.h"

using namespace headscope;

namespace {

constexpr std::int64_t kKeys = 9;
constexpr std::int64_t kRows = 2;

DirectionShape small_shape() {
  return {2, 4, 2, 3, 1 / std::sqrt(3.0)};
}

// Plain attention; windows; a soft-cap that bends many scores; both.
std::vector<DirectionShape> shapes() {
  std::vector<DirectionShape> all(4, small_shape());
  all[1].windows = all[3].windows = {4, 0};
  all[2].softcap = all[3].softcap = 1.5;
  return all;
}

std::vector<float> normals(std::size_t count, Rng& rng) {
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(rng.normal());
  return values;
}

// Keys of gold tokens share a direction, which a query can learn to ask for.
DirectionSample make_sample(const DirectionShape& shape, Rng& rng) {
  DirectionSample sample;
  const auto begin = static_cast<std::int64_t>(rng.below(kKeys - kRows - 2));
  sample.gold = {begin, begin + 1};
  sample.capture.keys = kKeys;
  sample.capture.rows = {kKeys - kRows, kKeys};
  const auto width = static_cast<std::size_t>(shape.head_dim);
  for (int layer = 0; layer < shape.layers; ++layer) {
    sample.capture.queries.push_back(
        normals(static_cast<std::size_t>(shape.heads) * kRows * width, rng));
    auto keys = normals(static_cast<std::size_t>(shape.kv_heads) * kKeys * width, rng);
    for (int group = 0; group < shape.kv_heads; ++group) {
      for (const auto token : sample.gold) {
        keys[(static_cast<std::size_t>(group) * kKeys + static_cast<std::size_t>(token)) * width] +=
            3;
      }
    }
    sample.capture.key_values.push_back(std::move(keys));
  }
  return sample;
}

std::vector<DirectionSample> make_samples(int count, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<DirectionSample> samples;
  for (int i = 0; i < count; ++i) samples.push_back(make_sample(small_shape(), rng));
  return samples;
}

// Relevant mass of one head at one row: softmax over visible keys, summed over
// gold, in doubles. direction: the query's, then the key's.
double plain_mass(const DirectionSample& sample, const TokenSet& wanted,
                  const DirectionShape& shape, int layer, int head, std::int64_t row,
                  const std::vector<double>& direction) {
  const auto width = static_cast<std::size_t>(shape.head_dim);
  const int group = head / (shape.heads / shape.kv_heads);
  const float* query =
      sample.capture.queries[static_cast<std::size_t>(layer)].data() +
      (static_cast<std::size_t>(head) * kRows + static_cast<std::size_t>(row)) * width;
  const float* keys = sample.capture.key_values[static_cast<std::size_t>(layer)].data() +
                      static_cast<std::size_t>(group) * kKeys * width;
  const std::int64_t last = sample.capture.rows.begin + row;
  const std::int64_t window =
      shape.windows.empty() ? 0 : shape.windows[static_cast<std::size_t>(layer)];
  double total = 0, gold = 0;
  for (std::int64_t key = window > 0 ? std::max<std::int64_t>(0, last - window + 1) : 0;
       key <= last; ++key) {
    double score = 0;
    for (std::size_t i = 0; i < width; ++i) {
      score += (query[i] + direction[i]) *
               (keys[static_cast<std::size_t>(key) * width + i] + direction[width + i]);
    }
    score *= shape.scale;
    if (shape.softcap > 0) score = shape.softcap * std::tanh(score / shape.softcap);
    const double weight = std::exp(score);
    total += weight;
    if (std::find(wanted.begin(), wanted.end(), key) != wanted.end()) gold += weight;
  }
  return gold / total;
}

double plain_head_mass(const DirectionSample& sample, const DirectionShape& shape, int layer,
                       int head, const std::vector<double>& direction) {
  double sum = 0;
  for (std::int64_t row = 0; row < kRows; ++row) {
    sum += plain_mass(sample, sample.gold, shape, layer, head, row, direction);
  }
  return sum / kRows;
}

std::vector<double> vector_of(const Directions& directions, HeadId head, double alpha = 1) {
  std::vector<double> result;
  for (const float* values : {directions.query_of(head), directions.key_of(head)}) {
    for (int i = 0; i < directions.head_dim; ++i) result.push_back(alpha * values[i]);
  }
  return result;
}

// AdamW by the book, with the gradient of the loss from central differences.
// Where that is only rounding (the key half without a soft-cap) it is zero.
std::vector<double> plain_training(const DirectionSample& sample, const DirectionShape& shape,
                                   int layer, int head, std::vector<double> direction, int steps,
                                   const DirectionTrainingOptions& options) {
  const std::size_t width = direction.size();
  std::vector<double> first(width), second(width);
  for (int step = 1; step <= steps; ++step) {
    std::vector<double> gradient(width);
    for (std::size_t i = 0; i < (shape.softcap > 0 ? width : width / 2); ++i) {
      auto up = direction, down = direction;
      up[i] += 1e-5;
      down[i] -= 1e-5;
      gradient[i] = -(plain_head_mass(sample, shape, layer, head, up) -
                      plain_head_mass(sample, shape, layer, head, down)) /
                    2e-5 / shape.heads;
    }
    for (std::size_t i = 0; i < width; ++i) {
      direction[i] *= 1 - options.learning_rate * options.weight_decay;
      first[i] = 0.9 * first[i] + 0.1 * gradient[i];
      second[i] = 0.999 * second[i] + 0.001 * gradient[i] * gradient[i];
      const double m = first[i] / (1 - std::pow(0.9, step));
      const double v = second[i] / (1 - std::pow(0.999, step));
      direction[i] -= options.learning_rate * m / (std::sqrt(v) + 1e-8);
    }
  }
  return direction;
}

double total(const std::vector<float>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Directions untrained(const DirectionTrainingOptions& options) {
  auto none = options;
  none.epochs = 0;
  const auto start = train_directions(make_samples(1, 1), small_shape(), none, {});
  REQUIRE(start);
  return start->directions;
}

void check_masses(const std::vector<DirectionSample>& samples, const DirectionShape& shape,
                  const Directions& directions, double alpha) {
  const auto masses = relevant_mass(samples, shape, directions, alpha, {});
  REQUIRE(masses);
  for (int layer = 0; layer < shape.layers; ++layer) {
    for (int head = 0; head < shape.heads; ++head) {
      double expected = 0;
      for (const auto& sample : samples) {
        expected += plain_head_mass(sample, shape, layer, head,
                                    vector_of(directions, {layer, head}, alpha));
      }
      CHECK((*masses)[static_cast<std::size_t>(layer * shape.heads + head)] ==
            doctest::Approx(expected / 3).epsilon(1e-5));
    }
  }
}

void check_training(const DirectionShape& shape) {
  const auto samples = make_samples(1, 7);
  const DirectionTrainingOptions options{.epochs = 25, .learning_rate = 0.02, .seed = 3};
  const Directions start = untrained(options);
  const auto trained = train_directions(samples, shape, options, {});
  REQUIRE(trained);
  for (int layer = 0; layer < shape.layers; ++layer) {
    for (int head = 0; head < shape.heads; ++head) {
      const HeadId id{layer, head};
      const auto expected =
          plain_training(samples[0], shape, layer, head, vector_of(start, id), 25, options);
      const auto actual = vector_of(trained->directions, id);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        CHECK(actual[i] == doctest::Approx(expected[i]).epsilon(2e-3));
      }
    }
  }
}

}  // namespace

TEST_CASE("relevant mass equals plain loops, with and without directions") {
  const auto samples = make_samples(3, 4);
  const Directions directions = untrained({.init_deviation = 1.0, .seed = 5});
  for (const DirectionShape& shape : shapes()) {
    for (const double alpha : {0.0, 1.0, -0.5}) {
      check_masses(samples, shape, directions, alpha);
    }
  }
}

TEST_CASE("masses on irrelevant tokens, per sample, of several variants at once") {
  auto samples = make_samples(2, 4);
  for (auto& sample : samples) sample.irrelevant = {sample.gold.back() + 1, kKeys - 1};
  const Directions directions = untrained({.init_deviation = 1.0, .seed = 5});
  for (const DirectionShape& shape : shapes()) {
    const std::vector<DirectionVariant> variants = {{&directions, 0.7, true},
                                                    {&directions, 0.7, false}};
    SamplesInMemory in_memory(samples);
    const auto masses = direction_masses(in_memory, shape, variants, {});
    REQUIRE(masses);
    REQUIRE((*masses)[1].irrelevant.size() == 16);
    auto direction = vector_of(directions, {1, 2}, 0.7);
    for (const std::size_t variant : {0u, 1u}) {
      if (variant == 1) std::fill(direction.begin() + 3, direction.end(), 0.0);
      double expected = 0;
      for (std::int64_t row = 0; row < kRows; ++row) {
        expected +=
            plain_mass(samples[1], samples[1].irrelevant, shape, 1, 2, row, direction) / kRows;
      }
      CHECK((*masses)[variant].irrelevant[8 + 6] == doctest::Approx(expected).epsilon(1e-5));
    }
  }
}

TEST_CASE(
    "training follows AdamW on the loss of method.md 3, under windows "
    "and soft-caps too") {
  for (const DirectionShape& shape : shapes()) check_training(shape);
}

TEST_CASE(
    "training raises relevant mass on held-out samples, random "
    "directions do not") {
  const auto train = make_samples(40, 11), held_out = make_samples(40, 12);
  const DirectionShape shape = small_shape();
  const auto trained = train_directions(train, shape, {.epochs = 20, .learning_rate = 0.01}, {});
  REQUIRE(trained);
  REQUIRE(trained->epochs.size() == 20);
  const double before = total(*relevant_mass(held_out, shape, trained->directions, 0, {}));
  const double after = total(*relevant_mass(held_out, shape, trained->directions, 1, {}));
  const double opposite = total(*relevant_mass(held_out, shape, trained->directions, -1, {}));
  CHECK(after > before + 0.1);
  CHECK(opposite < before);
  double random = 0;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    random += total(*relevant_mass(held_out, shape, random_directions(trained->directions, seed), 1,
                                   {})) /
              5;
  }
  CHECK(random < before + 0.03);
  for (const auto& epoch : trained->epochs) {
    REQUIRE(epoch.loss.size() == 2);
    CHECK(epoch.loss[1] == doctest::Approx(-epoch.relevant_mass[1]));
  }
  CHECK(trained->epochs.back().relevant_mass[0] > trained->epochs.front().relevant_mass[0]);
}

TEST_CASE("the key half stays at its start") {
  const DirectionTrainingOptions options{.epochs = 5, .learning_rate = 0.01, .seed = 9};
  const Directions start = untrained(options);
  const auto trained = train_directions(make_samples(4, 2), small_shape(), options, {});
  REQUIRE(trained);
  const double decay = std::pow(1 - 0.01 * options.weight_decay, 20);
  for (std::size_t i = 0; i < start.key.size(); ++i) {
    CHECK(trained->directions.key[i] == doctest::Approx(start.key[i] * decay).epsilon(1e-4));
  }
}

TEST_CASE("same seed, same bits; another seed, another start") {
  const auto samples = make_samples(5, 2);
  const DirectionTrainingOptions options{.epochs = 3, .seed = 1};
  const auto a = train_directions(samples, small_shape(), options, {});
  const auto b = train_directions(samples, small_shape(), options, {});
  CHECK(a->directions.query == b->directions.query);
  const auto c = train_directions(samples, small_shape(), {.epochs = 3, .seed = 2}, {});
  CHECK(a->directions.query != c->directions.query);
}

TEST_CASE("random directions keep every norm and point elsewhere") {
  const Directions like = untrained({.init_deviation = 2.0});
  const Directions random = random_directions(like, 3);
  const auto norm = [](const float* v) {
    return std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
  };
  for (int layer = 0; layer < 2; ++layer) {
    for (int head = 0; head < 4; ++head) {
      const HeadId id{layer, head};
      CHECK(norm(random.query_of(id)) == doctest::Approx(norm(like.query_of(id))));
      CHECK(norm(random.key_of(id)) == doctest::Approx(norm(like.key_of(id))));
      CHECK(random.query_of(id)[0] != like.query_of(id)[0]);
    }
  }
}

TEST_CASE("cancelling keeps what was trained") {
  const auto samples = make_samples(4, 2);
  int polls = 0;
  RunContext context;
  context.is_cancelled = [&] { return ++polls > 6; };
  const auto trained = train_directions(samples, small_shape(), {.epochs = 10}, context);
  REQUIRE(trained);
  CHECK(trained->cancelled);
  CHECK(trained->epochs.size() == 1);
  CHECK(polls == 7);
}

TEST_CASE("what cannot be trained on is refused") {
  CHECK(train_directions({}, small_shape(), {}, {}).error().kind == ErrorKind::bad_input);
  auto samples = make_samples(1, 1);
  samples[0].capture.queries.pop_back();
  CHECK_FALSE(train_directions(samples, small_shape(), {}, {}));
  samples = make_samples(1, 1);
  samples[0].gold = {kKeys};
  CHECK_FALSE(train_directions(samples, small_shape(), {}, {}));
  Directions other = untrained({});
  other.query.pop_back();
  CHECK(relevant_mass(make_samples(1, 1), small_shape(), other, 1, {}).error().kind ==
        ErrorKind::bad_input);
}
