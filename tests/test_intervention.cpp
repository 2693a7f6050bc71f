// links: headscope_model headscope_intervention
// Compiling interventions, and the two forms of split-softmax on plain tensors.
#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <limits>

#include "core/intervention/method.h"
#include "core/model/attention.h"

using namespace headscope;

namespace {

const HeadShape shape{3, 4, 2};

std::shared_ptr<Directions> directions(float value) {
  return std::make_shared<Directions>(
      Directions{3, 4, 2, std::vector<float>(24, value), std::vector<float>(24, 2 * value)});
}

std::string message_of(const Intervention& intervention) {
  const auto plan = compile_edits({intervention}, shape, 10);
  if (plan) return "compiled";
  CHECK(plan.error().kind == ErrorKind::bad_input);
  return plan.error().message;
}

MassMap split(double tau) {
  return {&split_softmax_method, {tau}};
}

double largest(const at::Tensor& a) {
  return a.abs().max().item<double>();
}

}  // namespace

TEST_CASE("what an intervention cannot mean is refused") {
  const std::vector<HeadId> heads = {{0, 1}};
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  CHECK(message_of({SplitSoftmax{0.5, {1}}, heads, {}}) == "compiled");
  CHECK(has(message_of({SplitSoftmax{0.5, {1}}, {{3, 0}}, {}}), "outside the model"));
  CHECK(has(message_of({SplitSoftmax{0.5, {1}}, {{0, 4}}, {}}), "outside the model"));
  CHECK(has(message_of({SplitSoftmax{0.5, {1}}, {{-1, 0}}, {}}), "outside the model"));
  CHECK(has(message_of({SplitSoftmax{0.5, {1}}, {}, {}}), "no heads"));
  CHECK(has(message_of({SplitSoftmax{1.01, {1}}, heads, {}}), "tau"));
  CHECK(has(message_of({SplitSoftmax{-0.01, {1}}, heads, {}}), "tau"));
  CHECK(has(message_of({SplitSoftmax{std::numeric_limits<double>::quiet_NaN(), {1}}, heads, {}}),
            "tau"));
  CHECK(has(message_of({SplitSoftmax{0.5, {}}, heads, {}}), "no tokens"));
  CHECK(has(message_of({SplitSoftmax{0.5, {10}}, heads, {}}), "outside the prompt"));
  CHECK(has(message_of({SplitSoftmax{0.5, {2, 2}}, heads, {}}), "ascending"));
  CHECK(has(message_of({SplitSoftmax{0.5, {-1}}, heads, {}}), "negative"));
  CHECK(
      has(message_of({SplitSoftmax{0.5, {1}}, heads, {RowSelection::Kind::from, -2}}), "negative"));
  CHECK(has(
      message_of({Focus{std::numeric_limits<double>::infinity(), directions(1), false}, heads, {}}),
      "alpha"));
  CHECK(has(message_of({MethodCall{}, heads, {}}), "no method"));
  CHECK(
      has(message_of({MethodCall{&split_softmax_method, {}, {1}, {}}, heads, {}}), "0 parameters"));
  CHECK(message_of({Ablate{}, heads, {}}) == "compiled");
  CHECK(has(message_of({Ablate{}, {}, {}}), "no heads"));
  CHECK(has(message_of({Focus{0.1, nullptr, false}, heads, {}}), "no directions"));
  auto wrong = directions(1);
  wrong->heads = 2;
  CHECK(has(message_of({Focus{0.1, wrong, false}, heads, {}}), "[3, 2, 2]"));
  wrong = directions(1);
  wrong->key.pop_back();
  CHECK(has(message_of({Focus{0.1, wrong, false}, heads, {}}), "shape"));
  wrong = directions(1);
  wrong->query[5] = std::numeric_limits<float>::quiet_NaN();
  CHECK(has(message_of({Focus{0.1, wrong, false}, heads, {}}), "finite"));
}

TEST_CASE("a plan adds focus up per first row and keeps splits in order") {
  const RowSelection response{RowSelection::Kind::response, 0};
  const auto plan =
      compile_edits({{SplitSoftmax{0.5, {1}}, {{1, 2}, {1, 0}, {1, 2}}, {}},
                     {Focus{0.5, directions(1), true}, {{1, 3}}, response},
                     {Focus{0.25, directions(4), false}, {{1, 3}, {1, 0}}, response},
                     {Focus{1.0, directions(1), false}, {{2, 0}}, {}},
                     {SplitSoftmax{0.25, {3}}, {{1, 0}}, {RowSelection::Kind::from, 4}},
                     {SplitSoftmax{1.0, {3}}, {{0, 0}}, {}},
                     {Focus{0.0, directions(1), false}, {{0, 0}}, {}},
                     {Ablate{}, {{2, 3}, {2, 1}}, response}},
                    shape, 10);
  REQUIRE(plan);
  CHECK(plan->first_touched_layer() == 1);
  CHECK_FALSE(plan->empty());
  const LayerEdits& layer = plan->layers[1];
  REQUIRE(layer.mass.size() == 2);
  CHECK(layer.mass[0].heads == std::vector<int>{0, 2});
  CHECK(layer.mass[0].first_row == 0);
  CHECK(layer.mass[1].first_row == 4);
  REQUIRE(layer.focus.size() == 1);
  CHECK(layer.focus[0].first_row == 9);
  CHECK(layer.focus[0].query == std::vector<float>{1, 1, 0, 0, 0, 0, 1.5, 1.5});
  CHECK(layer.focus[0].key == std::vector<float>{0, 0, 0, 0, 0, 0, 1, 1});
  CHECK(layer.focus[0].key_heads == std::vector<int>{3});
  REQUIRE(plan->layers[2].output.size() == 1);
  CHECK(plan->layers[2].output[0].heads == std::vector<int>{1, 3});
  CHECK(plan->layers[2].output[0].first_row == 9);
  CHECK(compile_edits({{Ablate{}, {{1, 0}}, {}}}, shape, 10)->first_touched_layer() == 1);
  CHECK(compile_edits({}, shape, 10)->first_touched_layer() == 3);
  CHECK(compile_edits({}, shape, 10)->empty());
}

TEST_CASE("focus entries of one layer are kept by first row, ascending, each once") {
  const auto at_row = [](std::int64_t row) {
    return Intervention{
        Focus{1.0, directions(1), false}, {{0, 1}}, {RowSelection::Kind::from, row}};
  };
  const auto plan =
      compile_edits({at_row(5), at_row(2), at_row(9), at_row(5), at_row(2)}, shape, 10);
  REQUIRE(plan);
  std::vector<std::int64_t> rows;
  std::vector<float> sums;
  for (const FocusEdit& edit : plan->layers[0].focus) {
    rows.push_back(edit.first_row);
    sums.push_back(edit.query[2]);
  }
  CHECK(rows == std::vector<std::int64_t>{2, 5, 9});
  CHECK(sums == std::vector<float>{2, 2, 1});
}

TEST_CASE("split-softmax on weights: mass p^tau on S, proportions kept, rows that stay") {
  at::manual_seed(1);
  auto scores = at::randn({5, 6, 9}, at::kDouble) * 3;
  auto weights = scores.softmax(-1).to(at::kFloat);
  const auto marked = at::tensor({1, 4, 5}, at::kLong);
  for (const double tau : {0.0, 0.1, 0.5, 0.9999}) {
    const auto got = move_mass(weights, marked, split(tau));
    const auto p = weights.index_select(-1, marked).sum(-1);
    CHECK(largest(got.index_select(-1, marked).sum(-1) - p.pow(tau)) < 1e-5);
    CHECK(largest(got.sum(-1) - 1) < 1e-5);
    CHECK(largest(got.select(-1, 1) * weights.select(-1, 4) -
                  got.select(-1, 4) * weights.select(-1, 1)) < 1e-6);
    CHECK(largest(got.select(-1, 0) * weights.select(-1, 2) -
                  got.select(-1, 2) * weights.select(-1, 0)) < 1e-6);
  }
  // Not visible, everything, and a mass that is nothing but rounding: unchanged to the bit.
  const auto rows = at::zeros({3, 4});
  rows[0][0] = 1.0;
  rows[1][1] = 0.25, rows[1][2] = 0.75;
  rows[2][0] = 1.0, rows[2][1] = 1e-36;
  const auto got = move_mass(rows, at::tensor({1, 2}, at::kLong), split(0.1));
  CHECK(at::equal(got, rows));
  // Just above the floor it acts: e^-79 is kept apart from e^-81.
  const auto tiny = at::tensor({1.0, std::exp(-79.0)}).to(at::kFloat);
  CHECK(move_mass(tiny, at::tensor({1}, at::kLong), split(0.1))[1].item<double>() ==
        doctest::Approx(std::exp(-7.9)).epsilon(1e-3));
}

TEST_CASE("every method moves p to what its own words say") {
  const auto mass = [](const char* method, double value, double p) {
    const MassFactors factors = MassMap{find_method(method), {value}}.factors(std::log(p));
    const double after = factors.inside * p;
    // What the row keeps elsewhere, and what the output form adds, follow from the mass alone.
    CHECK(factors.outside * (1 - p) == doctest::Approx(1 - after));
    CHECK(factors.moved * (1 - p) == doctest::Approx(after - p));
    return after;
  };
  for (const double p : {1e-9, 0.01, 0.2, 0.5, 0.9, 1 - 1e-9}) {
    CHECK(mass("split-softmax", 0.3, p) == doctest::Approx(std::pow(p, 0.3)));
    CHECK(mass("pasta", 0.01, p) == doctest::Approx(p / (p + 0.01 * (1 - p))));
    CHECK(mass("instaboost", 3, p) == doctest::Approx(3 * p / (3 * p + 1 - p)));
    CHECK(mass("instaboost", 0.1, p) == doctest::Approx(0.1 * p / (0.1 * p + 1 - p)));
    CHECK(mass("spotlight", 0.6, p) == doctest::Approx(p < 0.6 ? 0.6 / (1.6 - p) : p));
    CHECK(mass("spotlight", 1, p) == doctest::Approx(1 / (2 - p)));
  }
  // Nothing to move: not visible, everything, or a mass that is nothing but rounding.
  for (const InterventionMethod* method : intervention_methods()) {
    if (method->log_mass == nullptr) continue;
    for (const double log_p : {-std::numeric_limits<double>::infinity(), 0.0, 1e-7, -80.001}) {
      const MassFactors factors = MassMap{method, {0.4}}.factors(log_p);
      CHECK(factors.inside == 1);
      CHECK(factors.outside == 1);
      CHECK(factors.moved == 0);
    }
  }
}

TEST_CASE("the table of methods is whole: names, parameters, one way to act") {
  for (const InterventionMethod* method : intervention_methods()) {
    CAPTURE(method->name);
    CHECK(find_method(method->name) == method);
    CHECK((method->log_mass != nullptr) != (method->add != nullptr));
    REQUIRE((method->is_identity != nullptr));
    CHECK((method->log_mass == nullptr || method->marks_keys));
    CHECK(std::string(method->label) != "");
    for (const MethodParameter& parameter : method->parameters) {
      CHECK(std::string(parameter.meaning) != "");
      if (parameter.standard) CHECK(parameter.check(*parameter.standard, method->name));
    }
    CHECK(standard_values(*method).size() == method->parameters.size());
  }
  CHECK(find_method("magic") == nullptr);
}

TEST_CASE("both forms of split-softmax agree through attend, for every kind of row") {
  at::manual_seed(2);
  const std::int64_t tokens = 40, heads = 6, kv_heads = 2, dim = 8;
  AttentionCall call;
  call.q = at::randn({1, heads, tokens, dim}) * 2;
  call.k = at::randn({1, kv_heads, tokens, dim}) * 2;
  call.v = at::randn({1, kv_heads, tokens, dim});
  call.scale = 0.35;
  const auto plain = attend(call, {});
  for (const TokenSet& marked :
       {TokenSet{0}, TokenSet{0, 1, 2}, TokenSet{3, 9, 10, 30}, TokenSet{39}}) {
    for (const double tau : {0.0, 0.1, 0.7, 1 - 1e-4}) {
      LayerEditTensors edits;
      edits.mass.push_back(upload(MassEdit{0, split(tau), marked, {1, 2, 5}}, at::kCPU));
      call.edits = &edits;
      call.backend = AttentionBackend::fused;  // output form
      const auto by_outputs = attend(call, {});
      call.backend = AttentionBackend::reference;  // weights form
      const auto by_weights = attend(call, {});
      CHECK(largest(by_outputs - by_weights) < 1e-5);
      CHECK(largest(by_outputs.select(1, 1) - plain.select(1, 1)) > 2e-6);  // touched
      CHECK(largest(by_outputs.select(1, 0) - plain.select(1, 0)) < 1e-6);  // untouched
    }
  }
}

TEST_CASE("a key direction on all keys only rounds; on some of them it would show") {
  at::manual_seed(3);
  AttentionCall call;
  call.q = at::randn({1, 4, 30, 8});
  call.k = at::randn({1, 2, 30, 8});
  call.v = at::randn({1, 2, 30, 8});
  call.scale = 0.35;
  const auto plain = attend(call, {});
  const auto d = at::randn({8}) * 2;
  FocusEdit edit{0, std::vector<float>(32, 0.0f), std::vector<float>(32, 0.0f), {1}};
  for (int i = 0; i < 8; ++i) edit.key[static_cast<std::size_t>(8 + i)] = d[i].item<float>();
  LayerEditTensors edits;
  edits.focus.push_back(upload(edit, 4, at::kCPU, at::kFloat));
  call.edits = &edits;
  for (const auto backend : {AttentionBackend::reference, AttentionBackend::fused}) {
    call.backend = backend;
    const auto got = attend(call, {});
    CHECK(largest(got - plain) < 1e-5);
  }
  // So large that the sums lose digits, it does show: proof that it is added at all.
  edits.focus.front().key.mul_(3000);
  for (const auto backend : {AttentionBackend::reference, AttentionBackend::fused}) {
    call.backend = backend;
    CHECK(largest(attend(call, {}).select(1, 1) - plain.select(1, 1)) > 1e-4);
    CHECK(largest(attend(call, {}).select(1, 2) - plain.select(1, 2)) < 1e-6);
  }
  // The same direction on half of the keys, for comparison: far from nothing.
  call.edits = nullptr;
  call.k = call.k.clone();
  call.k.select(1, 0).narrow(1, 0, 15).add_(d);
  CHECK(largest(attend(call, {}).select(1, 1) - plain.select(1, 1)) > 0.1);
}

TEST_CASE("blocks of rows do not change results, and cancellation is polled between them") {
  at::manual_seed(4);
  AttentionCall call;
  call.q = at::randn({1, 4, 64, 8});
  call.k = at::randn({1, 2, 100, 8});
  call.v = at::randn({1, 2, 100, 8});
  call.first_row = 36;
  call.scale = 0.35;
  LayerEditTensors edits;
  edits.mass.push_back(upload(MassEdit{50, split(0.3), {2, 40, 99}, {0, 3}}, at::kCPU));
  call.edits = &edits;
  const auto whole = attend(call, {});
  int polls = 0;
  RunContext context;
  context.is_cancelled = [&] { return ++polls > 1000; };
  call.work_per_poll = 2.0 * 4 * 100 * 8 * 5;  // five rows
  CHECK(largest(attend(call, context) - whole) < 1e-5);
  CHECK(polls >= 13);
  context.is_cancelled = [&] { return true; };
  CHECK_THROWS_AS(attend(call, context), Cancelled);
}
