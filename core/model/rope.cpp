#include "core/model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

namespace headscope {
namespace {

/// theta^(-2i / dimensions): in fp32 and in the order of transformers, so that rounding agrees at
/// long positions too.
at::Tensor plain_frequencies(double theta, std::int64_t dimensions) {
  const auto exponents = at::arange(0, dimensions, 2, at::kLong).to(at::kFloat) / dimensions;
  return at::reciprocal(at::pow(at::Scalar(theta), exponents));
}

/// Llama 3.1: long wavelengths are stretched by `factor`, short ones kept, in between blended.
at::Tensor llama3_frequencies(const RopeConfig& rope, const at::Tensor& frequencies) {
  const double context = static_cast<double>(rope.original_context);
  const auto wavelengths = 2 * std::numbers::pi / frequencies;
  const auto stretched = frequencies / rope.factor;
  const auto smooth = (context / wavelengths - rope.low_freq_factor) /
                      (rope.high_freq_factor - rope.low_freq_factor);
  const auto blended = (1 - smooth) * stretched + smooth * frequencies;
  const auto is_long = wavelengths > context / rope.low_freq_factor;
  const auto is_short = wavelengths < context / rope.high_freq_factor;
  return at::where(is_long, stretched, at::where(is_short, frequencies, blended));
}

/// YaRN: dimensions that turn more than beta_fast times within the original context are kept, those
/// that turn less than beta_slow times are stretched, with a ramp in between.
at::Tensor yarn_frequencies(const RopeConfig& rope, std::int64_t dimensions,
                            const at::Tensor& frequencies) {
  const auto dimension_of = [&](double rotations) {
    const double context = static_cast<double>(rope.original_context);
    return static_cast<double>(dimensions) *
           std::log(context / (rotations * 2 * std::numbers::pi)) / (2 * std::log(rope.theta));
  };
  double low = dimension_of(rope.beta_fast), high = dimension_of(rope.beta_slow);
  if (rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(dimensions - 1));
  if (low == high) high += 0.001;
  const auto ramp = ((at::arange(dimensions / 2, at::kFloat) - low) / (high - low)).clamp(0, 1);
  const auto kept = 1 - ramp;
  return frequencies / rope.factor * (1 - kept) + frequencies * kept;
}

/// Dynamic NTK: a larger theta the longer the run.
double dynamic_theta(const RopeConfig& rope, std::int64_t dimensions, std::int64_t length) {
  const double stretch = static_cast<double>(std::max(length, rope.original_context)) /
                         static_cast<double>(rope.original_context);
  const double grown = rope.factor * stretch - (rope.factor - 1);
  return rope.theta *
         std::pow(grown, static_cast<double>(dimensions) / static_cast<double>(dimensions - 2));
}

/// Frequencies per pair of dimensions, [dimensions / 2].
at::Tensor frequencies_of(const RopeConfig& rope, std::int64_t dimensions, std::int64_t length) {
  const double theta =
      rope.type == "dynamic" ? dynamic_theta(rope, dimensions, length) : rope.theta;
  const auto plain = plain_frequencies(theta, dimensions);
  if (rope.type == "linear") return plain / rope.factor;
  if (rope.type == "llama3") return llama3_frequencies(rope, plain);
  if (rope.type == "yarn") return yarn_frequencies(rope, dimensions, plain);
  if (rope.type == "longrope") {
    const auto& factors = length > rope.original_context ? rope.long_factor : rope.short_factor;
    return plain / at::tensor(factors, at::kDouble).to(at::kFloat);
  }
  return plain;
}

RopeTable table_of(const RopeConfig& rope, std::int64_t head_dim, const at::Tensor& positions,
                   std::int64_t final_length, at::ScalarType dtype) {
  const std::int64_t dimensions = rope.dimensions > 0 ? rope.dimensions : head_dim;
  const auto frequencies = frequencies_of(rope, dimensions, final_length).to(positions.device());
  const auto angles = positions.to(at::kFloat).unsqueeze(-1) * frequencies;
  RopeTable table{(angles.cos() * rope.attention_factor).to(dtype),
                  (angles.sin() * rope.attention_factor).to(dtype),
                  {}};
  if (rope.query_beta != 0) {
    const auto laps = at::floor(positions.to(at::kFloat) / rope.original_context);
    table.query_factor = (1 + rope.query_beta * at::log(1 + laps)).unsqueeze(-1).to(dtype);
  }
  return table;
}

}  // namespace

std::vector<RopeTable> rope_tables(const ModelConfig& config, const at::Tensor& positions,
                                   std::int64_t final_length, at::ScalarType dtype) {
  std::vector<RopeTable> tables;
  for (const RopeConfig& rope : config.ropes) {
    tables.push_back(table_of(rope, config.head_dim, positions, final_length, dtype));
  }
  if (tables.empty()) tables.emplace_back();
  return tables;
}

at::Tensor apply_rope(const at::Tensor& x, const RopeTable& table) {
  if (!table.cos.defined()) return x;
  const std::int64_t half = table.cos.size(-1), rest = x.size(-1) - 2 * half;
  const auto first = x.narrow(-1, 0, half), second = x.narrow(-1, half, half);
  std::vector<at::Tensor> parts = {first * table.cos - second * table.sin,
                                   second * table.cos + first * table.sin};
  if (rest > 0) parts.push_back(x.narrow(-1, 2 * half, rest));
  return at::cat(parts, -1);
}

}  // namespace headscope
