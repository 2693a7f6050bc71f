#include "core/engine/layer_maps.h"

#include <algorithm>
#include <cmath>

namespace headscope {
namespace {

// One head's rows in either form.
struct Block {
  const float* values = nullptr;
  std::int64_t rows = 0, columns = 0;

  float at(std::int64_t row, std::int64_t column) const {
    return values != nullptr && row < rows && column < columns ? values[row * columns + column]
                                                               : 0.0f;
  }
};

Block block_of(const RunResult& run, HeadId head, LayerColumns kind) {
  const std::int64_t rows = run.rows.size();
  if (head.layer >= run.layers || head.head >= run.heads) return {};
  if (kind == LayerColumns::tokens) {
    if (!run.has_weights(head)) return {};
    return {run.weights[run.index(head)]->data(), rows, run.keys};
  }
  const auto size = static_cast<std::size_t>(rows * run.sets);
  if ((run.index(head) + 1) * size > run.span_sums.size()) return {};
  return {run.span_sums.data() + run.index(head) * size, rows, run.sets};
}

// The values of largest magnitude among the cells of one picture.
void pool(const Block& run, const Block& baseline, const LayerMaps& maps, float* cells) {
  for (std::int64_t r = 0; r < maps.rows; ++r) {
    const TokenRange rows = maps.rows_of(r);
    for (std::int64_t c = 0; c < maps.columns; ++c) {
      const TokenRange columns = maps.columns_of(c);
      float strongest = 0;
      for (std::int64_t i = rows.begin; i < rows.end; ++i) {
        for (std::int64_t j = columns.begin; j < columns.end; ++j) {
          const float value = run.at(i, j) - baseline.at(i, j);
          if (std::abs(value) > std::abs(strongest)) strongest = value;
        }
      }
      cells[r * maps.columns + c] = strongest;
    }
  }
}

}  // namespace

std::optional<LayerMaps> layer_maps(const RunResult& run, const RunResult* baseline,
                                    const LayerQuestion& question,
                                    const std::function<bool()>& is_stale) {
  LayerMaps maps;
  maps.layer = question.layer;
  maps.heads = run.heads;
  maps.kind = question.kind;
  maps.run_rows = run.rows.size();
  maps.run_columns = question.kind == LayerColumns::tokens ? run.keys : run.sets;
  maps.rows = std::min(maps.run_rows, question.most_rows);
  maps.columns = std::min(maps.run_columns, question.most_columns);
  if (question.layer < 0 || question.layer >= run.layers || maps.rows <= 0 || maps.columns <= 0)
    return std::nullopt;
  const auto cells = static_cast<std::size_t>(maps.rows * maps.columns);
  maps.values.resize(static_cast<std::size_t>(maps.heads) * cells);
  if (baseline != nullptr) maps.zeros.resize(maps.values.size());
  for (int head = 0; head < maps.heads; ++head) {
    if (is_stale && is_stale()) return std::nullopt;
    const HeadId id{question.layer, head};
    const Block own = block_of(run, id, question.kind);
    const Block before = baseline != nullptr ? block_of(*baseline, id, question.kind) : Block{};
    if (own.values == nullptr || (baseline != nullptr && before.values == nullptr))
      return std::nullopt;
    pool(own, before, maps, maps.values.data() + static_cast<std::size_t>(head) * cells);
  }
  for (const float value : maps.values) maps.largest = std::max(maps.largest, std::abs(value));
  return maps;
}

}  // namespace headscope
