#include "core/training/demo_init.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <ATen/ATen.h>

#include "core/base/rng.h"
#include "core/demo_world/demo_world.h"

namespace headscope {
namespace {

/// The embedding's first dimension is the same for every token: after RMSNorm it serves as the
/// constant input that the bias-free projections lack.
constexpr double constant_input = 6.0;

at::Tensor gaussian(Rng& rng, std::int64_t rows, std::int64_t columns, double deviation) {
  auto out = at::empty({rows, columns}, at::kFloat);
  float* data = out.data_ptr<float>();
  for (std::int64_t i = 0; i < out.numel(); ++i)
    data[i] = static_cast<float>(rng.normal(0.0, deviation));
  return out;
}

/// A random orthogonal matrix (Gram-Schmidt on Gaussian rows, in double precision).
at::Tensor orthogonal(Rng& rng, std::int64_t size) {
  auto rows = gaussian(rng, size, size, 1.0).to(at::kDouble);
  for (std::int64_t i = 0; i < size; ++i) {
    auto row = rows[i];
    for (int pass = 0; pass < 2; ++pass) {
      if (i > 0) row.sub_(rows.slice(0, 0, i).t().mv(rows.slice(0, 0, i).mv(row)));
    }
    row.div_(row.norm());
  }
  return rows.to(at::kFloat);
}

/// Builds the weights of one model.
class Initialiser {
 public:
  Initialiser(const ModelConfig& config, std::uint64_t seed, const DemoInitOptions& options)
      : config_(config),
        options_(options),
        rng_(seed, 0x1417),
        hidden_(config.hidden_size),
        dim_(config.head_dim),
        half_(config.head_dim / 2),
        constant_(constant_input /
                  std::sqrt((static_cast<double>(hidden_) - 1 + constant_input * constant_input) /
                            static_cast<double>(hidden_))) {}

  DecoderWeights run() {
    weights_ = random_weights(config_, 0);
    auto& embedding = weights_.embedding.weight;
    embedding = gaussian(rng_, config_.vocab_size, hidden_, 1.0);
    weights_.lm_head.weight = 0.1 * embedding;
    embedding.select(1, 0).fill_(constant_input);
    for (int i = 0; i < config_.layers; ++i) {
      LayerWeights& layer = weights_.layers[static_cast<std::size_t>(i)];
      plain(layer);
      if (i > 0) match(layer);
      pass_values_on(layer, i > 0 ? options_.matching_heads : config_.heads);
      if (i == 0) look_back(layer);
      if (i > 0) rest_on_first_token(layer);
    }
    return weights_;
  }

 private:
  at::Tensor head_rows(const at::Tensor& matrix, std::int64_t head) const {
    return matrix.slice(0, head * dim_, (head + 1) * dim_);
  }
  std::int64_t kv_head(std::int64_t head) const {
    return head / (config_.heads / config_.kv_heads);
  }

  void plain(LayerWeights& layer) {
    const double fan_in = 1.0 / std::sqrt(static_cast<double>(hidden_));
    const std::int64_t q_size = config_.heads * dim_, kv_size = config_.kv_heads * dim_;
    const std::int64_t inner = config_.intermediate_size;
    layer.q.weight = gaussian(rng_, q_size, hidden_, fan_in);
    layer.k.weight = gaussian(rng_, kv_size, hidden_, fan_in);
    layer.o.weight = gaussian(rng_, hidden_, q_size, 0.21 / std::sqrt(static_cast<double>(q_size)));
    layer.gate.weight = gaussian(rng_, inner, hidden_, fan_in);
    layer.up.weight = gaussian(rng_, inner, hidden_, fan_in);
    layer.down.weight = gaussian(rng_, hidden_, inner, 0.3 / std::sqrt(static_cast<double>(inner)));
  }

  /// Queries like keys, in the rotary dimensions that turn slowly.
  void match(LayerWeights& layer) {
    const double overlap = options_.query_key_overlap;
    for (std::int64_t h = 0; h < options_.matching_heads; ++h) {
      auto q = head_rows(layer.q.weight, h);
      q.mul_(std::sqrt(1 - overlap * overlap)).add_(head_rows(layer.k.weight, kv_head(h)), overlap);
    }
    for (const at::Tensor& matrix : {layer.q.weight, layer.k.weight}) {
      matrix.mul_(options_.query_key_gain);
      matrix.view({-1, 2, half_, hidden_}).slice(2, 0, options_.muted_frequencies).mul_(0.1);
    }
  }

  /// W_o = W_v^T in the first `heads` heads: a weighted average of the inputs, up to rotation.
  void pass_values_on(LayerWeights& layer, std::int64_t heads) {
    std::vector<at::Tensor> blocks;
    const std::int64_t rows = config_.kv_heads * dim_;
    for (std::int64_t begin = 0; begin < rows; begin += hidden_) {
      blocks.push_back(orthogonal(rng_, hidden_).slice(0, 0, std::min(hidden_, rows - begin)));
    }
    layer.v.weight = at::cat(blocks).contiguous();
    for (std::int64_t h = 0; h < heads; ++h) {
      layer.o.weight.slice(1, h * dim_, (h + 1) * dim_)
          .add_(head_rows(layer.v.weight, kv_head(h)).t());
    }
  }

  /// Constant queries and keys: the score is sum_i w_i cos(theta_i (distance - offset)), which
  /// peaks at the offset; slow frequencies make the peak blunt, fast ones sharp.
  void look_back(LayerWeights& layer) {
    constexpr std::array<double, 6> blunt{0.3, 2, 5, 5, 2, 0};
    constexpr std::array<double, 6> sharp{8.333, 3.333, 3.333, 3.333, 3.333, 3.333};
    for (std::int64_t h = 0; h < options_.local_heads + options_.previous_heads; ++h) {
      const bool local = h < options_.local_heads;
      auto q = head_rows(layer.q.weight, h), k = head_rows(layer.k.weight, kv_head(h));
      q.mul_(0.1);
      k.mul_(0.1);
      k.select(1, 0).zero_();
      const double offset = local ? 2.0 : 1.0;
      for (std::int64_t i = 0; i < static_cast<std::int64_t>(blunt.size()); ++i) {
        const double weight = (local ? blunt : sharp)[static_cast<std::size_t>(i)];
        const double size = std::sqrt(weight * std::sqrt(static_cast<double>(dim_))) / constant_;
        const double angle =
            offset * std::pow(config_.ropes.front().theta,
                              -2.0 * static_cast<double>(i) / static_cast<double>(dim_));
        k.index_put_({at::tensor(i), at::tensor(std::int64_t{0})},
                     at::tensor(static_cast<float>(size)));
        q.index_put_({at::tensor(i), at::tensor(std::int64_t{0})},
                     at::tensor(static_cast<float>(size * std::cos(angle))));
        q.index_put_({at::tensor(i + half_), at::tensor(std::int64_t{0})},
                     at::tensor(static_cast<float>(-size * std::sin(angle))));
      }
    }
  }

  /// The constant part of queries finds the first token's key with the wanted score.
  void rest_on_first_token(LayerWeights& layer) {
    auto first = weights_.embedding.weight[0];
    first = first / first.square().mean().sqrt();
    for (std::int64_t h = 0; h < options_.matching_heads; ++h) {
      auto key = head_rows(layer.k.weight, kv_head(h)).mv(first);
      key.view({2, half_}).slice(1, 0, options_.muted_frequencies + 3).zero_();
      const double norm = key.square().sum().item<double>();
      const double factor =
          options_.sink_score * std::sqrt(static_cast<double>(dim_)) / (norm * constant_);
      head_rows(layer.q.weight, h).select(1, 0).add_(key, factor);
    }
  }

  const ModelConfig& config_;
  const DemoInitOptions& options_;
  Rng rng_;
  std::int64_t hidden_, dim_, half_;
  double constant_;  ///< the constant input after RMSNorm
  DecoderWeights weights_;
};

}  // namespace

DecoderWeights demo_initial_weights(const ModelConfig& config, std::uint64_t seed,
                                    const DemoInitOptions& options) {
  return Initialiser(config, seed, options).run();
}

ModelConfig demo_model_config() {
  ModelConfig config;
  config.model_type = "llama";
  config.layers = 4;
  config.heads = config.kv_heads = 8;
  config.head_dim = 32;
  config.hidden_size = 128;
  config.intermediate_size = 256;
  config.vocab_size = static_cast<std::int64_t>(demo_vocabulary().size());
  config.context_length = 1024;
  config.norm_eps = 1e-5;
  config.stored_dtype = "float32";
  config.ropes.front().theta = 500000.0;
  config.eos_ids = {demo_eos};
  return config;
}

}  // namespace headscope
