// Runs over one prompt that differ in their interventions, and how far results lie apart.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "core/training/directions.h"
#include "tests/model_goldens.h"

namespace headscope::test {

inline GenerateRequest request_for(const Model& model, std::vector<std::int32_t> ids,
                                   AttentionBackend backend) {
  GenerateRequest request;
  request.prompt_ids = std::move(ids);
  request.max_new_tokens = 3;
  request.backend = backend;
  const auto last = static_cast<std::int64_t>(request.prompt_ids.size()) - 1;
  request.capture.emplace();
  request.capture->span_sets = {{0, 1}, {3, 4, 5, last / 2}, {last - 2, last - 1}};
  request.capture->edited_also = true;
  request.candidates = static_cast<int>(model.config().vocab_size);
  return request;
}

inline Intervention split(HeadId head, RowSelection rows = {}, double tau = 0.1) {
  return {SplitSoftmax{tau, {3, 4, 5, 6}}, {head}, rows};
}

inline Intervention focus(const ModelConfig& config, HeadId head, RowSelection rows = {}) {
  Directions like{config.layers, config.heads, config.head_dim, {}, {}};
  like.query.assign(static_cast<std::size_t>(config.layers) *
                        static_cast<std::size_t>(config.heads * config.head_dim),
                    2.0F);
  like.key = like.query;
  return {
      Focus{3, std::make_shared<const Directions>(random_directions(like, 5)), true}, {head}, rows};
}

/// Nothing; split-softmax and focus that begin at every layer in turn, at all rows, from a row in
/// the middle and at the response.
inline std::vector<std::vector<Intervention>> settings_of(const ModelConfig& config) {
  using Kind = RowSelection::Kind;
  std::vector<std::vector<Intervention>> all = {{}};
  for (const RowSelection rows :
       {RowSelection{}, RowSelection{Kind::response, 0}, RowSelection{Kind::from, 7}}) {
    for (int layer = 0; layer < config.layers; ++layer) {
      all.push_back({split({layer, layer % config.heads}, rows)});
      all.push_back({focus(config, {layer, 0}, rows), split({config.layers - 1, 1}, {})});
    }
  }
  return all;
}

/// Probabilities of every token at every step, in the order of ids.
inline std::vector<float> probabilities(const Generation& run) {
  std::vector<float> all;
  for (const auto& step : run.candidates) {
    std::vector<float> row(step.size());
    for (const Candidate& candidate : step) {
      row[static_cast<std::size_t>(candidate.id)] = std::log(candidate.probability);
    }
    all.insert(all.end(), row.begin(), row.end());
  }
  return all;
}

/// Largest difference in log-probabilities, weights and masses; infinite where tokens differ.
inline float run_difference(const Generation& a, const Generation& b) {
  if (a.ids != b.ids) return std::numeric_limits<float>::infinity();
  return std::max({difference(probabilities(a), probabilities(b)),
                   difference(a.attention.weights, b.attention.weights),
                   difference(a.attention.span_sums, b.attention.span_sums),
                   difference(a.attention.span_sums_before, b.attention.span_sums_before)});
}

}  // namespace headscope::test
