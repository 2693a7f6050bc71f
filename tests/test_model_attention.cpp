// links: headscope_model headscope_intervention
// Sliding windows, soft-caps and interventions through every path of `attend`, against attention
// written out key by key in doubles; and through a model: cache, chunks, captures, head maps.
#include <ATen/ATen.h>

#include <cmath>
#include <numeric>
#include <set>

#include "core/intervention/method.h"
#include "core/model/attention.h"
#include "core/model/decoder.h"
#include "core/model/decoder_engine.h"
#include "core/model/head_map_impl.h"
#include "tests/model_goldens.h"

using namespace headscope;
using namespace headscope::test;

namespace {

constexpr std::int64_t tokens = 90, heads = 6, kv_heads = 2, dim = 8;

struct Rule {
  std::int64_t window = 0;
  double softcap = 0;
};
const std::vector<Rule> rules = {{0, 0},  {1, 0},  {7, 0},   {70, 0},
                                 {90, 0}, {0, 20}, {7, 1.5}, {70, 20}};

double largest(const at::Tensor& a) {
  return a.abs().max().item<double>();
}

MassMap split(double tau) {
  return {&split_softmax_method, {tau}};
}
MassMap mass_map(const char* method, double value) {
  return {find_method(method), {value}};
}

/// Focus with a key part on heads 1 and 4 from row 0, on 4 and 5 from row 40; splits on 2, 4
/// (twice) and 5, with marked keys that leave every window; heads 1 and 5 ablated from some row on.
LayerEdits all_edits() {
  LayerEdits edits;
  const auto values = [](float factor, std::initializer_list<int> chosen) {
    std::vector<float> out(heads * dim, 0.0f);
    for (const int head : chosen) {
      for (int d = 0; d < dim; ++d)
        out[static_cast<std::size_t>(head * dim + d)] = factor * std::sin(1.3f * d + head);
    }
    return out;
  };
  edits.focus = {{0, values(1, {1, 4}), values(0.7f, {4}), {4}},
                 {40, values(-0.8f, {4, 5}), values(1.1f, {4, 5}), {4, 5}}};
  edits.mass = {{0, split(0.3), {0, 1, 2, 30, 31, 32}, {2, 4}},
                {33, split(0.0), {5, 50}, {5}},
                {60, split(0.5), {20, 55, 56, 57, 58, 59, 60, 61, 62}, {4}}};
  edits.output = {{0, false, {1}}, {66, false, {5}}};
  return edits;
}

LayerEdits no_edits() {
  return {};
}
LayerEdits only_split() {
  LayerEdits edits = all_edits();
  edits.focus.clear();
  edits.output.clear();
  edits.mass.pop_back();
  return edits;
}
LayerEdits only_focus() {
  LayerEdits edits = all_edits();
  edits.output.clear();
  edits.mass.clear();
  return edits;
}

/// Every method that moves mass: alone on a head, several on head 3, marked keys that leave
/// windows.
LayerEdits other_methods() {
  LayerEdits edits;
  edits.focus = {all_edits().focus[0]};
  edits.mass = {{0, mass_map("spotlight", 0.6), {0, 1, 2, 30, 31, 32, 70}, {0, 1, 3}},
                {20, mass_map("spotlight", 0.05), {88}, {5}},
                {45, mass_map("pasta", 0.01), {3, 4, 5, 40, 41, 42}, {2, 3}},
                {0, mass_map("pasta", 1e-6), {17, 80}, {4}},
                {0, mass_map("instaboost", 3), {8, 9, 33, 34}, {0, 1, 2, 3}},
                {30, mass_map("instaboost", 0.1), {12, 13, 52}, {5}},
                {50, split(0.2), {30, 60}, {3}}};
  edits.output = {{75, false, {3}}};
  return edits;
}

struct Oracle {
  at::Tensor before, after;  ///< [H, T, T]
  at::Tensor outputs;        ///< [H, T, D]
};

/// What the method's own words say, on the weights of one row.
void edit_row(std::vector<double>& row, const MassEdit& edit) {
  const std::set<std::int64_t> marked(edit.marked.begin(), edit.marked.end());
  const auto in_set = [&](std::size_t j) { return marked.count(static_cast<std::int64_t>(j)) > 0; };
  double p = 0, all = 0;
  for (std::size_t j = 0; j < row.size(); ++j) {
    all += row[j];
    if (in_set(j)) p += row[j];
  }
  if (p <= std::exp(-80.0) || p >= all * (1 - 1e-12)) return;
  const double value = edit.map.values[0];
  const std::string name = edit.map.method->name;
  for (std::size_t j = 0; j < row.size(); ++j) {
    if (name == "split-softmax")
      row[j] *= in_set(j) ? std::pow(p, value) / p : (1 - std::pow(p, value)) / (1 - p);
    if (name == "pasta" && !in_set(j)) row[j] *= value;
    if (name == "instaboost" && in_set(j)) row[j] *= value;
    if (name == "spotlight" && in_set(j) && p < value) row[j] *= value / p;
  }
  const double sum = std::accumulate(row.begin(), row.end(), 0.0);
  for (double& weight : row) weight /= sum;
}

bool acts(std::int64_t first_row, const std::vector<int>& chosen, std::int64_t row, int head) {
  return row >= first_row && std::find(chosen.begin(), chosen.end(), head) != chosen.end();
}

/// method.md's order of operations, key by key.
Oracle written_out(const AttentionCall& call, const LayerEdits& edits) {
  const auto q = call.q[0].to(at::kDouble), k = call.k[0].to(at::kDouble);
  Oracle out{at::zeros({heads, tokens, tokens}, at::kDouble),
             at::zeros({heads, tokens, tokens}, at::kDouble),
             {}};
  auto qa = q.accessor<double, 3>(), ka = k.accessor<double, 3>();
  auto before = out.before.accessor<double, 3>(), after = out.after.accessor<double, 3>();
  for (int h = 0; h < heads; ++h) {
    for (std::int64_t t = 0; t < tokens; ++t) {
      std::vector<double> row(tokens, 0.0);
      double total = 0;
      for (std::int64_t j = 0; j <= t; ++j) {
        if (call.window > 0 && j <= t - call.window) continue;
        double score = 0;
        for (int d = 0; d < dim; ++d) {
          double x = qa[h][t][d], y = ka[h / (heads / kv_heads)][j][d];
          for (const FocusEdit& focus : edits.focus) {
            if (t < focus.first_row) continue;
            x += focus.query[static_cast<std::size_t>(h * dim + d)];
            y += focus.key[static_cast<std::size_t>(h * dim + d)];
          }
          score += x * y;
        }
        score *= call.scale;
        if (call.softcap > 0) score = call.softcap * std::tanh(score / call.softcap);
        total += row[static_cast<std::size_t>(j)] = std::exp(score);
      }
      for (double& weight : row) weight /= total;
      for (std::int64_t j = 0; j < tokens; ++j) before[h][t][j] = row[static_cast<std::size_t>(j)];
      for (const MassEdit& mass : edits.mass)
        if (acts(mass.first_row, mass.heads, t, h)) edit_row(row, mass);
      for (std::int64_t j = 0; j < tokens; ++j) after[h][t][j] = row[static_cast<std::size_t>(j)];
    }
  }
  out.outputs =
      at::matmul(out.after, call.v[0].to(at::kDouble).repeat_interleave(heads / kv_heads, 0));
  for (int h = 0; h < heads; ++h) {
    for (const OutputEdit& edit : edits.output)
      for (std::int64_t t = 0; t < tokens; ++t)
        if (acts(edit.first_row, edit.heads, t, h)) out.outputs[h][t].zero_();
  }
  return out;
}

at::Tensor empty_maps(const std::vector<int>& wanted) {
  const auto count = wanted.empty() ? heads : static_cast<std::int64_t>(wanted.size());
  return at::zeros({count, tokens, tokens});
}

/// Keeps reported weights as full maps.
class Keeper : public AttentionObserver {
 public:
  Keeper(TokenRange rows, std::vector<int> wanted)
      : before(empty_maps(wanted)), after(empty_maps(wanted)), rows_(rows), wanted_(wanted) {}
  TokenRange rows(int) const override { return rows_; }
  std::vector<int> heads(int) const override { return wanted_; }
  void weights(int, WeightsOrigin from, const at::Tensor& b, const at::Tensor& a) override {
    const auto place = [&](const at::Tensor& all, const at::Tensor& part) {
      all.narrow(1, from.row, part.size(1)).narrow(2, from.key, part.size(2)).copy_(part);
    };
    place(before, b);
    place(after, a);
  }
  at::Tensor before, after;

 private:
  TokenRange rows_;
  std::vector<int> wanted_;
};

const std::vector<TokenSet> sets = {{0, 1}, {}, {5, 30, 31, 70, 89}, {40, 41, 42, 43, 44, 45}};

/// Keeps masses of `sets`.
class SumKeeper : public AttentionObserver {
 public:
  explicit SumKeeper(bool weights) : weights_(weights), table_(make_span_table(sets, at::kCPU)) {}
  TokenRange rows(int) const override { return {25, 80}; }
  std::vector<int> heads(int) const override { return {}; }
  bool wants_weights(int) const override { return weights_; }
  const SpanTable* spans(int) const override { return &table_; }
  void weights(int, WeightsOrigin, const at::Tensor&, const at::Tensor&) override {
    ++weight_reports;
  }
  void span_sums(int, std::int64_t row, const at::Tensor& b, const at::Tensor& a) override {
    before.narrow(1, row, b.size(1)).copy_(b);
    after.narrow(1, row, a.size(1)).copy_(a);
  }
  int weight_reports = 0;
  at::Tensor before = at::full({heads_of_call(), tokens, 4}, -1.0), after = before.clone();

 private:
  static std::int64_t heads_of_call() { return ::heads; }
  bool weights_;
  SpanTable table_;
};

AttentionCall random_call(const Rule& rule) {
  at::manual_seed(7);
  AttentionCall call;
  call.q = at::randn({1, heads, tokens, dim}) * 2;
  call.k = at::randn({1, kv_heads, tokens, dim}) * 2;
  call.v = at::randn({1, kv_heads, tokens, dim});
  call.scale = 0.35;
  call.window = rule.window;
  call.softcap = rule.softcap;
  return call;
}

LayerEditTensors on_cpu_tensors(const LayerEdits& edits, at::ScalarType dtype = at::kFloat) {
  EditPlan plan;
  plan.layers = {edits};
  return upload(plan, heads, {at::kCPU}, dtype).front();
}

/// Rows first..last of a call.
AttentionCall rows_of(AttentionCall call, std::int64_t first, std::int64_t last) {
  call.q = call.q.narrow(2, first, last - first);
  call.k = call.k.narrow(2, 0, last);
  call.v = call.v.narrow(2, 0, last);
  call.first_row = first;
  return call;
}

at::Tensor in_steps(const AttentionCall& call, std::int64_t step) {
  std::vector<at::Tensor> parts;
  for (std::int64_t row = 0; row < tokens; row += step) {
    parts.push_back(attend(rows_of(call, row, std::min(tokens, row + step)), {}));
  }
  return at::cat(parts, 2);
}

}  // namespace

TEST_CASE("every path of attend is attention written out: windows, soft-caps, interventions") {
  for (const Rule& rule : rules) {
    for (const LayerEdits& edits :
         {no_edits(), only_focus(), only_split(), all_edits(), other_methods()}) {
      CAPTURE(rule.window);
      CAPTURE(rule.softcap);
      CAPTURE(edits.focus.size());
      CAPTURE(edits.mass.size());
      AttentionCall call = random_call(rule);
      const auto tensors = on_cpu_tensors(edits);
      call.edits = edits.empty() ? nullptr : &tensors;
      const Oracle oracle = written_out(call, edits);
      for (const auto backend : {AttentionBackend::reference, AttentionBackend::fused}) {
        call.backend = backend;
        CHECK(largest(attend(call, {})[0] - oracle.outputs) < 1e-5);
        CHECK(largest(in_steps(call, 1)[0] - oracle.outputs) < 1e-5);
        CHECK(largest(in_steps(call, 37)[0] - oracle.outputs) < 1e-5);
        call.work_per_poll = 2.0 * heads / kv_heads * tokens * dim * 5;  // five rows at once
        CHECK(largest(attend(call, {})[0] - oracle.outputs) < 1e-5);
        call.work_per_poll = 1e9;
      }
    }
  }
}

TEST_CASE("reported weights are those of the written-out attention, over absolute keys") {
  for (const Rule& rule : rules) {
    for (const auto backend : {AttentionBackend::reference, AttentionBackend::fused}) {
      for (const std::vector<int>& wanted : {std::vector<int>{}, std::vector<int>{1, 4}}) {
        CAPTURE(rule.window);
        CAPTURE(rule.softcap);
        AttentionCall call = random_call(rule);
        const LayerEdits edits = wanted.empty() ? all_edits() : other_methods();
        const auto tensors = on_cpu_tensors(edits);
        call.edits = &tensors;
        call.backend = backend;
        const Oracle oracle = written_out(call, edits);
        Keeper keeper({25, 80}, wanted);
        call.observer = &keeper;
        CHECK(largest(attend(call, {})[0] - oracle.outputs) < 1e-5);
        const auto expected = [&](at::Tensor all) {
          if (!wanted.empty()) all = all.index_select(0, at::tensor(wanted, at::kLong));
          return all.narrow(1, 25, 55);
        };
        CHECK(largest(keeper.before.narrow(1, 25, 55) - expected(oracle.before)) < 1e-5);
        CHECK(largest(keeper.after.narrow(1, 25, 55) - expected(oracle.after)) < 1e-5);
        CHECK(largest(keeper.after.narrow(1, 0, 25)) == 0);
        Keeper steps({25, 80}, wanted);
        call.observer = &steps;
        in_steps(call, 1);
        CHECK(largest(steps.after - keeper.after) < 1e-5);
      }
    }
  }
}

TEST_CASE(
    "masses of key sets, from weights and without them, are sums of the written-out weights") {
  for (const Rule& rule : rules) {
    for (const LayerEdits& edits : {no_edits(), only_focus(), all_edits(), other_methods()}) {
      AttentionCall call = random_call(rule);
      const auto tensors = on_cpu_tensors(edits);
      call.edits = edits.empty() ? nullptr : &tensors;
      const Oracle oracle = written_out(call, edits);
      const auto masses = [](const at::Tensor& weights) {
        std::vector<at::Tensor> columns;
        for (const TokenSet& set : sets) {
          const auto keys = at::tensor(set, at::kLong);
          columns.push_back(weights.narrow(1, 25, 55).index_select(2, keys).sum(2));
        }
        return at::stack(columns, 2);
      };
      for (const auto backend : {AttentionBackend::reference, AttentionBackend::fused}) {
        for (const bool weights : {true, false}) {
          for (const double work : {1e9, 2.0 * heads * tokens * dim * 5}) {
            for (const std::int64_t step : {1, 37, 90}) {
              CAPTURE(rule.window);
              CAPTURE(rule.softcap);
              CAPTURE(edits.mass.size());
              CAPTURE(weights);
              CAPTURE(step);
              SumKeeper keeper(weights);
              call.backend = backend;
              call.observer = &keeper;
              call.work_per_poll = work;
              CHECK(largest(in_steps(call, step)[0] - oracle.outputs) < 1e-5);
              CHECK((keeper.weight_reports > 0) == weights);
              CHECK(largest(keeper.before.narrow(1, 25, 55) - masses(oracle.before)) < 1e-5);
              CHECK(largest(keeper.after.narrow(1, 25, 55) - masses(oracle.after)) < 1e-5);
              CHECK(largest(keeper.after.narrow(1, 0, 25) + 1) == 0);
            }
          }
        }
      }
    }
  }
}

TEST_CASE("the oracle sees a window that is off by one, and a key part under a soft-cap acts") {
  AttentionCall call = random_call({7, 0});
  const Oracle oracle = written_out(call, {});
  call.window = 8;
  CHECK(largest(attend(call, {})[0] - oracle.outputs) > 1e-3);

  call = random_call({0, 2});
  LayerEdits keys_only;
  keys_only.focus = {{0, std::vector<float>(heads * dim, 0.0f), all_edits().focus[0].key, {4}}};
  const auto tensors = on_cpu_tensors(keys_only);
  const auto plain = attend(call, {});
  call.edits = &tensors;
  CHECK(largest(attend(call, {}).select(1, 4) - plain.select(1, 4)) > 0.01);
  CHECK(largest(attend(call, {}).select(1, 3) - plain.select(1, 3)) < 1e-6);
  call.softcap = 0;
  call.edits = nullptr;
  const auto uncapped = attend(call, {});
  call.edits = &tensors;
  CHECK(largest(attend(call, {}) - uncapped) < 1e-5);
}

TEST_CASE("bfloat16 stays within its own rounding on every path") {
  for (const Rule& rule : rules) {
    CAPTURE(rule.window);
    CAPTURE(rule.softcap);
    AttentionCall call = random_call(rule);
    call.q = call.q.to(at::kBFloat16);
    call.k = call.k.to(at::kBFloat16);
    call.v = call.v.to(at::kBFloat16);
    const LayerEdits edits = only_split();
    const auto tensors = on_cpu_tensors(edits, at::kBFloat16);
    call.edits = &tensors;
    const Oracle oracle = written_out(call, edits);
    const auto got = attend(call, {});
    CHECK((got.scalar_type() == at::kBFloat16));
    CHECK(largest(got[0].to(at::kDouble) - oracle.outputs) < 0.05);
    CHECK(largest(in_steps(call, 37)[0].to(at::kDouble) - oracle.outputs) < 0.05);
  }
}

namespace {

/// The map of one head, fed in two chunks.
HeadMapSource map_of(const AttentionCall& call, const LayerEditTensors& edits, int head) {
  const std::int64_t length = call.q.size(2), first = length / 3;
  HeadMapObserver observer({0, head}, length, heads / kv_heads);
  const auto q = call.q[0], k = call.k[0];
  observer.projections(0, 0, q.narrow(1, 0, first), k.narrow(1, 0, first));
  observer.projections(0, first, q.narrow(1, first, length - first),
                       k.narrow(1, first, length - first));
  auto map = observer.take(edits, call.scale);
  map->window = call.window;
  map->softcap = call.softcap;
  map->finish(HeadMapSource::max_overview, {});
  return HeadMapSource(std::move(map));
}

at::Tensor tile_of(const HeadMapSource& map, const MapTile& tile) {
  const auto values = must(map.tile(tile, {}));
  return at::tensor(values).view({tile.rows, tile.columns});
}

}  // namespace

TEST_CASE("tiles of a head's map are the written-out weights: windows, soft-caps, interventions") {
  for (const Rule& rule : rules) {
    for (const LayerEdits& edits :
         {no_edits(), only_focus(), only_split(), all_edits(), other_methods()}) {
      CAPTURE(rule.window);
      CAPTURE(rule.softcap);
      CAPTURE(edits.focus.size());
      CAPTURE(edits.mass.size());
      const AttentionCall call = random_call(rule);
      const Oracle oracle = written_out(call, edits);
      const auto tensors = on_cpu_tensors(edits);
      for (const int head : {0, 2, 3, 4, 5}) {
        const HeadMapSource map = map_of(call, tensors, head);
        CHECK(largest(tile_of(map, {0, 0, 0, tokens, tokens}) - oracle.after[head]) < 1e-5);
      }
    }
  }
}

TEST_CASE("a long map: tiles on demand, the overview and what is above it agree by their maxima") {
  at::manual_seed(9);
  const std::int64_t length = 5000;
  AttentionCall call = random_call({0, 0});
  call.q = at::randn({1, heads, length, dim}) * 2;
  call.k = at::randn({1, kv_heads, length, dim}) * 2;
  const auto tensors = on_cpu_tensors(only_split());
  const HeadMapSource map = map_of(call, tensors, 4);
  CHECK(map.overview_level() == 2);
  CHECK(map.side(0) == 5000);
  CHECK(map.side(2) == 1250);
  const auto exact = tile_of(map, {0, 4096, 1000, 904, 4000});
  for (const int level : {1, 2, 3}) {
    const std::int64_t size = std::int64_t{1} << level;
    const MapTile tile{level, 4096 / size, 1000 / size, 904 / size, 4000 / size};
    const auto expected = exact.view({tile.rows, size, tile.columns, size}).amax({1, 3});
    CHECK(largest(tile_of(map, tile) - expected) < 1e-6);
  }
  CHECK(tile_of(map, {13, 0, 0, 1, 1}).item<float>() == doctest::Approx(1.0f));
  // Rows still sum to one.
  const auto row =
      tile_of(map, {0, 4500, 0, 3, 4096}).sum(1) + tile_of(map, {0, 4500, 4096, 3, 904}).sum(1);
  CHECK(largest(row - 1) < 1e-4);
  CHECK(map.tile({0, 0, 0, 5000, 1}, {}).error().kind == ErrorKind::usage);
  CHECK(map.tile({2, 1250, 0, 1, 1}, {}).error().kind == ErrorKind::usage);
  CHECK(map.tile({-1, 0, 0, 1, 1}, {}).error().kind == ErrorKind::usage);
  RunContext cancelled;
  cancelled.is_cancelled = [] { return true; };
  CHECK(map.tile({0, 0, 0, 10, 10}, cancelled).error().kind == ErrorKind::cancelled);
}

TEST_CASE("windows and soft-caps through a decoder: cache or not, chunks or whole, fused or not") {
  ModelConfig config =
      must(Model::load(golden_folder("llama_gqa").string(), {"cpu", "auto", 1}, {}))->config();
  config.layers = 3;
  config.layer_attention = {{5, 0}, {0, 0}, {200, 0}};
  config.context_length = 2048;
  std::vector<std::int32_t> ids;
  for (std::int32_t i = 0; i < 600; ++i) ids.push_back((i * i + 3 * i) % 131);
  for (const double softcap : {0.0, 5.0}) {
    config.attention_softcap = softcap;
    const DecoderEngine engine(config, random_weights(config, 13, 0.3),
                               place_on({}, config.layers));
    const auto run = [&](std::size_t step, AttentionBackend backend, double memory_scale) {
      EngineOptions options;
      options.backend = backend;
      options.memory_scale = memory_scale;
      options.hidden_rows = {0, 600};
      KvCache cache = engine.new_cache(600);
      std::vector<at::Tensor> parts;
      for (std::size_t row = 0; row < ids.size(); row += step) {
        const auto part = std::span(ids).subspan(row, std::min(step, ids.size() - row));
        parts.push_back(engine.run(part, cache, options, {}));
      }
      return at::cat(parts, 0);
    };
    const auto whole = run(600, AttentionBackend::reference, 1);
    CHECK(largest(run(600, AttentionBackend::fused, 1) - whole) < 1e-4);
    CHECK(largest(run(600, AttentionBackend::fused, 0.5) - whole) < 1e-4);
    CHECK(largest(run(77, AttentionBackend::fused, 1) - whole) < 1e-4);
    CHECK(largest(run(1, AttentionBackend::fused, 1) - whole) < 1e-4);
    config.layer_attention[0].window = 6;
    const DecoderEngine other(config, random_weights(config, 13, 0.3), place_on({}, config.layers));
    EngineOptions options;
    options.hidden_rows = {0, 600};
    KvCache cache = engine.new_cache(600);
    CHECK(largest(other.run(ids, cache, options, {}) - whole) > 1e-2);
    config.layer_attention[0].window = 5;
  }
}
