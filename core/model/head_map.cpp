#include "core/model/head_map.h"

#include <algorithm>
#include <limits>

#include <ATen/ATen.h>

#include "core/model/head_map_impl.h"
#include "core/model/model_impl.h"

namespace headscope {
namespace {

constexpr std::int64_t numbers_at_once = std::int64_t{1} << 22;

/// Sets rows first.. of a [T, D] tensor that is allocated when it is first needed.
void keep_rows(at::Tensor& all, std::int64_t tokens, std::int64_t first, const at::Tensor& rows) {
  const auto wide = rows.to(at::kFloat);
  if (!all.defined()) all = at::empty({tokens, rows.size(1)}, wide.options());
  all.narrow(0, first, rows.size(0)).copy_(wide);
}

/// Adds the focus edits of one head: to its queries, and as a shift of every score of a row.
void add_focus(HeadMapSource::Impl& map, const LayerEditTensors& edits) {
  for (const FocusTensors& focus : edits.focus) {
    const std::int64_t first = std::min(focus.first_row, map.tokens), rows = map.tokens - first;
    map.focus.push_back({focus.first_row, focus.query[map.head.head].to(at::kFloat)});
    map.q.narrow(0, first, rows).add_(map.focus.back().query);
  }
  for (const FocusTensors& focus : edits.focus) {
    const auto& heads = focus.key_heads;
    const auto it = std::lower_bound(heads.begin(), heads.end(), map.head.head);
    if (it == heads.end() || *it != map.head.head) continue;
    const std::int64_t first = std::min(focus.first_row, map.tokens), rows = map.tokens - first;
    const auto direction = focus.key[it - heads.begin()].to(at::kFloat).squeeze(0);
    const auto shift = at::mv(map.q.narrow(0, first, rows), direction).unsqueeze(1);
    if (!map.row_bias.defined()) map.row_bias = at::zeros({map.tokens, 1}, map.q.options());
    map.row_bias.narrow(0, first, rows).add_(shift);
  }
}

void add_mass_edits(HeadMapSource::Impl& map, const LayerEditTensors& edits) {
  for (const MassTensors& mass : edits.mass) {
    const std::vector<int>& heads = mass.edit.heads;
    if (!std::binary_search(heads.begin(), heads.end(), map.head.head)) continue;
    MapMass out;
    out.positions = mass.positions.masked_select(mass.positions.lt(map.tokens));
    out.marked = at::zeros({map.tokens}, map.q.options().dtype(at::kBool));
    out.marked.index_fill_(0, out.positions, true);
    out.inside = at::ones({map.tokens, 1}, map.q.options());
    out.outside = out.inside.clone();
    out.first_row = mass.edit.first_row;
    out.map = mass.edit.map;
    map.masses.push_back(std::move(out));
  }
}

Result<> check_tile(const MapTile& tile, const HeadMapSource& map) {
  if (!map.has_tiles()) return fail(ErrorKind::usage, "this head's rows were kept without its map");
  const bool known = tile.level >= 0 && tile.level < 32;
  const std::int64_t side = known ? map.side(tile.level) : 0;
  const auto inside = [&](std::int64_t first, std::int64_t count) {
    return first >= 0 && count > 0 && count <= HeadMapSource::max_tile && first + count <= side;
  };
  if (known && inside(tile.row, tile.rows) && inside(tile.column, tile.columns)) return {};
  return fail(ErrorKind::usage,
              "a tile of " + std::to_string(tile.rows) + " x " + std::to_string(tile.columns) +
                  " cells at " + std::to_string(tile.row) + ", " + std::to_string(tile.column) +
                  " of level " + std::to_string(tile.level) + " is not part of a map of " +
                  std::to_string(side) + " cells a side (at most " +
                  std::to_string(HeadMapSource::max_tile) + " at once)");
}

std::vector<float> to_floats(const at::Tensor& values) {
  const auto plain = values.to(at::kCPU).contiguous();
  const float* data = plain.const_data_ptr<float>();
  return std::vector<float>(data, data + plain.numel());
}

/// A tile below the overview, pooled from exact weights.
at::Tensor exact_tile(const HeadMapSource::Impl& map, const MapTile& tile,
                      const RunContext& context) {
  const std::int64_t size = std::int64_t{1} << tile.level;
  const auto tokens_of = [&](std::int64_t first, std::int64_t count) {
    return TokenRange{first * size, std::min(map.tokens, (first + count) * size)};
  };
  const TokenRange rows = tokens_of(tile.row, tile.rows),
                   keys = tokens_of(tile.column, tile.columns);
  const std::int64_t step = map_rows_at_once(keys.size(), size);
  std::vector<at::Tensor> parts;
  for (std::int64_t row = rows.begin; row < rows.end; row += step) {
    poll(context);
    const TokenRange part{row, std::min(rows.end, row + step)};
    parts.push_back(max_pooled(map.weights(part, keys), size).cpu());
  }
  return at::cat(parts, 0);
}

}  // namespace

std::int64_t map_rows_at_once(std::int64_t keys, std::int64_t unit) {
  return std::max<std::int64_t>(1, numbers_at_once / std::max<std::int64_t>(1, keys) / unit) * unit;
}

at::Tensor max_pooled(const at::Tensor& values, std::int64_t size) {
  if (size == 1) return values;
  const auto rounded = [&](std::int64_t n) { return (n + size - 1) / size * size; };
  const std::int64_t rows = rounded(values.size(0)), columns = rounded(values.size(1));
  const auto padded =
      at::constant_pad_nd(values, {0, columns - values.size(1), 0, rows - values.size(0)}, 0);
  return padded.view({rows / size, size, columns}).amax(1).view({rows / size, -1, size}).amax(2);
}

at::Tensor HeadMapSource::Impl::scores(TokenRange rows, TokenRange keys) const {
  auto out =
      at::matmul(q.narrow(0, rows.begin, rows.size()), k.narrow(0, keys.begin, keys.size()).t());
  if (row_bias.defined()) out.add_(row_bias.narrow(0, rows.begin, rows.size()));
  out.mul_(scale);
  if (softcap > 0) out.div_(softcap).tanh_().mul_(softcap);
  const bool all_before = keys.end <= rows.begin + 1;
  const bool in_window = window == 0 || keys.begin > rows.end - 1 - window;
  if (all_before && in_window) return out;
  const auto options = at::TensorOptions(at::kLong).device(q.device());
  const auto row = at::arange(rows.begin, rows.end, options).unsqueeze(1);
  const auto key = at::arange(keys.begin, keys.end, options).unsqueeze(0);
  auto hidden = key.gt(row);
  if (window > 0) hidden.logical_or_(key.le(row - window));
  return out.masked_fill_(hidden, -std::numeric_limits<double>::infinity());
}

at::Tensor HeadMapSource::Impl::weights(TokenRange rows, TokenRange keys) const {
  auto out = scores(rows, keys).sub_(log_sum.narrow(0, rows.begin, rows.size())).exp_();
  for (const MapMass& mass : masses) {
    out.mul_(at::where(mass.marked.narrow(0, keys.begin, keys.size()).unsqueeze(0),
                       mass.inside.narrow(0, rows.begin, rows.size()),
                       mass.outside.narrow(0, rows.begin, rows.size())));
  }
  return out;
}

void HeadMapSource::Impl::add_row_factors(TokenRange rows, at::Tensor& weights) {
  for (MapMass& mass : masses) {
    const std::int64_t first = std::clamp(mass.first_row, rows.begin, rows.end) - rows.begin;
    const std::int64_t count = rows.size() - first;
    if (count == 0) continue;
    const auto seen = mass.positions.masked_select(mass.positions.lt(rows.end));
    auto edited = weights.narrow(0, first, count);
    const auto log_p = edited.index_select(1, seen).sum(1, /*keepdim=*/true).log();
    const auto [inside, outside, moved] = factors_of(mass.map, log_p);
    mass.inside.narrow(0, rows.begin + first, count).copy_(inside);
    mass.outside.narrow(0, rows.begin + first, count).copy_(outside);
    edited.mul_(at::where(mass.marked.narrow(0, 0, weights.size(1)).unsqueeze(0), inside, outside));
  }
}

void HeadMapSource::Impl::finish(std::int64_t most, const RunContext& context) {
  while ((tokens - 1) >> overview_level >= most) ++overview_level;
  const std::int64_t size = std::int64_t{1} << overview_level;
  const std::int64_t side = (tokens + size - 1) / size;
  auto overview = at::zeros({side, side}, at::kFloat);
  log_sum = at::empty({tokens, 1}, q.options());
  const std::int64_t step = map_rows_at_once(tokens, size);
  for (std::int64_t row = 0; row < tokens; row += step) {
    poll(context);
    const TokenRange rows{row, std::min(tokens, row + step)};
    auto part = scores(rows, {0, rows.end});
    const auto sums = part.logsumexp(1, /*keepdim=*/true);
    log_sum.narrow(0, row, rows.size()).copy_(sums);
    part.sub_(sums).exp_();
    add_row_factors(rows, part);
    const auto pooled = max_pooled(part, size).cpu();
    overview.narrow(0, row / size, pooled.size(0)).narrow(1, 0, pooled.size(1)).copy_(pooled);
    context.progress("map", double(rows.end), double(tokens));
  }
  pyramid = {overview};
  while (pyramid.back().size(0) > 1) pyramid.push_back(max_pooled(pyramid.back(), 2));
}

HeadMapObserver::HeadMapObserver(HeadId head, std::int64_t tokens, std::int64_t group)
    : head_(head), tokens_(tokens), group_(group) {}

void HeadMapObserver::projections(int layer, std::int64_t first_row, const at::Tensor& q,
                                  const at::Tensor& k) {
  if (layer != head_.layer) return;
  keep_rows(q_, tokens_, first_row, q[head_.head]);
  keep_rows(k_, tokens_, first_row, k[head_.head / group_]);
}

std::unique_ptr<HeadMapSource::Impl> HeadMapObserver::take(const LayerEditTensors& edits,
                                                           double scale) {
  auto map = std::make_unique<HeadMapSource::Impl>();
  map->head = head_;
  map->tokens = tokens_;
  map->scale = scale;
  map->q = std::move(q_);
  map->k = std::move(k_);
  add_focus(*map, edits);
  add_mass_edits(*map, edits);
  return map;
}

HeadMapSource::HeadMapSource(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HeadMapSource::~HeadMapSource() = default;

HeadId HeadMapSource::head() const {
  return impl_->head;
}
std::int64_t HeadMapSource::tokens() const {
  return impl_->tokens;
}
int HeadMapSource::overview_level() const {
  return impl_->overview_level;
}
bool HeadMapSource::has_tiles() const {
  return !impl_->pyramid.empty();
}
std::int64_t HeadMapSource::side(int level) const {
  const std::int64_t size = std::int64_t{1} << level;
  return (impl_->tokens + size - 1) / size;
}

Result<std::vector<float>> HeadMapSource::tile(const MapTile& tile,
                                               const RunContext& context) const {
  return guarded([&]() -> Result<std::vector<float>> {
    HEADSCOPE_TRY(check_tile(tile, *this));
    if (tile.level < impl_->overview_level) return to_floats(exact_tile(*impl_, tile, context));
    const auto kept = static_cast<std::size_t>(tile.level - impl_->overview_level);
    return to_floats(impl_->pyramid[std::min(kept, impl_->pyramid.size() - 1)]
                         .narrow(0, tile.row, tile.rows)
                         .narrow(1, tile.column, tile.columns));
  });
}

Result<std::shared_ptr<const HeadMapSource>> Model::head_map_source(
    const std::vector<std::int32_t>& ids, HeadId head,
    const std::vector<Intervention>& interventions, const RunContext& context,
    std::int64_t prompt_tokens, std::int64_t overview) {
  const std::int64_t tokens = std::ssize(ids);
  const auto prompt = ids.begin() + (prompt_tokens > 0 ? std::min(prompt_tokens, tokens) : tokens);
  GenerateRequest run;
  run.prompt_ids.assign(ids.begin(), prompt);
  run.forced_response.assign(prompt, ids.end());
  run.max_new_tokens = 0;
  run.interventions = interventions;
  return head_map_source(run, head, context, overview);
}

Result<std::shared_ptr<const HeadMapSource>> Model::head_map_source(const GenerateRequest& run,
                                                                    HeadId head,
                                                                    const RunContext& context,
                                                                    std::int64_t overview) {
  using Source = std::shared_ptr<const HeadMapSource>;
  const auto body = [&](double memory_scale) -> Result<Source> {
    HEADSCOPE_TRY(impl_->check_request(run));
    if (head.layer < 0 || head.layer >= config().layers || head.head < 0 ||
        head.head >= config().heads) {
      return fail(ErrorKind::usage, "head " + std::to_string(head.layer) + "." +
                                        std::to_string(head.head) + " is outside the model");
    }
    std::vector<std::int32_t> rest = {run.prompt_ids.back()};
    rest.insert(rest.end(), run.forced_response.begin(), run.forced_response.end());
    const auto tokens = std::ssize(run.prompt_ids) + std::ssize(run.forced_response);
    HEADSCOPE_ASSIGN(const auto edits,
                     impl_->edits(run.interventions, run.prompt_ids, memory_scale, context));
    HEADSCOPE_ASSIGN(const auto pass,
                     impl_->prompt_pass(run, impl_->new_tokens(run), memory_scale));
    CapturePlan plan = plan_of(nullptr, 0, 0);
    plan.policy = CapturePolicy::head_map;
    HEADSCOPE_TRY(impl_->require_room(tokens, 0, plan));
    HeadMapObserver observer(head, tokens, config().heads / config().kv_heads);
    EngineOptions options;
    options.backend = run.backend;
    options.edits = &edits;
    options.observer = &observer;
    options.layers = head.layer;
    options.memory_scale = memory_scale;
    run_to_layer(impl_->engine, pass, rest, options, context);
    auto map =
        observer.take(edits[static_cast<std::size_t>(head.layer)], attention_scale(config()));
    map->window = config().attention_in(head.layer).window;
    map->softcap = config().attention_softcap;
    if (overview != HeadMapSource::rows_only)
      map->finish(overview > 0 ? overview : HeadMapSource::max_overview, context);
    return std::make_shared<const HeadMapSource>(std::move(map));
  };
  return with_less_memory(body, [&] {
    if (run.store != nullptr) run.store->clear();
    return true;
  });
}

Result<HeadMap> Model::head_map(const std::vector<std::int32_t>& ids, HeadId head,
                                const std::vector<Intervention>& interventions,
                                const RunContext& context, std::int64_t prompt_tokens) {
  HEADSCOPE_ASSIGN(const auto source,
                   head_map_source(ids, head, interventions, context, prompt_tokens));
  return guarded([&]() -> Result<HeadMap> {
    const std::int64_t tokens = source->tokens();
    HEADSCOPE_TRY(require_memory("a full map of " + std::to_string(tokens) + " tokens",
                                 4.0 * double(tokens) * double(tokens),
                                 "its tiles and its overview would fit"));
    HeadMap map{head, tokens, {}};
    map.weights.resize(static_cast<std::size_t>(tokens * tokens));
    for (std::int64_t row = 0; row < tokens; row += HeadMapSource::max_tile) {
      for (std::int64_t column = 0; column < tokens; column += HeadMapSource::max_tile) {
        const MapTile tile{0, row, column, std::min(HeadMapSource::max_tile, tokens - row),
                           std::min(HeadMapSource::max_tile, tokens - column)};
        HEADSCOPE_ASSIGN(const auto values, source->tile(tile, context));
        for (std::int64_t r = 0; r < tile.rows; ++r) {
          std::copy_n(values.data() + r * tile.columns, tile.columns,
                      map.weights.data() + (row + r) * tokens + column);
        }
      }
    }
    return map;
  });
}

}  // namespace headscope
