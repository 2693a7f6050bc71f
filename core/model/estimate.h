// What runs will need, before they run: bytes and seconds, for each way of keeping attention.
// Torch-free.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/model.h"

namespace headscope {

/// Numbers that a model of this shape has.
std::int64_t parameter_count(const ModelConfig& config);

/// Bytes of one key, value or activation of a model whose dtype_name is `dtype`: int8 is widened.
int bytes_per_number(const std::string& dtype);

/// Bytes of keys and values for `tokens` tokens.
double cache_bytes(const ModelConfig& config, std::int64_t tokens, int bytes_per_number);

/// What of attention a run keeps (design.md, capture policies).
enum class CapturePolicy {
  nothing,
  span_sums,  ///< masses of key sets, per layer, head and row
  rows,       ///< weights of the rows, and the masses
  head_map,   ///< one head's queries and keys, from which any tile of its map follows
};

/// "span sums", "rows" ...
std::string policy_name(CapturePolicy policy);

/// A policy and its size.
struct CapturePlan {
  CapturePolicy policy = CapturePolicy::span_sums;
  std::int64_t rows = -1;       ///< rows kept; -1 = the new tokens and the last prompt token
  std::int64_t layers = 0;      ///< layers kept; 0 = all
  std::int64_t sets = 24;       ///< key sets (documents, sink, rest)
  std::int64_t logit_rows = 1;  ///< rows whose logits are held at once
};

/// The plan of a run that keeps `capture` (nullptr = nothing) at `rows` rows, whatever rows it
/// names.
CapturePlan plan_of(const Capture* capture, std::int64_t rows, std::int64_t logit_rows);

/// How fast this machine is; see machine_rate.h. Products count two operations.
struct MachineRate {
  double matmul = 0;            ///< operations a second in large products
  double attention = 0;         ///< the same in fused attention
  double bytes_per_second = 0;  ///< weights read in products with one row
};

/// What one run needs beside the weights.
struct RunEstimate {
  CapturePolicy policy = CapturePolicy::nothing;
  double cache_bytes = 0;    ///< keys and values
  double working_bytes = 0;  ///< activations and scores in flight, logits
  double capture_bytes = 0;  ///< what the policy keeps
  double prefill_seconds = 0, decode_seconds = 0, capture_seconds = 0;
  double bytes() const { return cache_bytes + working_bytes + capture_bytes; }
  double seconds() const { return prefill_seconds + decode_seconds + capture_seconds; }
};

/// Estimate of a run over `tokens` prompt tokens and `new_tokens` generated ones. `dtype` and
/// `device` as Model::dtype_name and Model::device_name say. Measures this machine when it is
/// called for the first time (about 0.1 s, see machine_rate).
RunEstimate estimate_run(const ModelConfig& config, std::int64_t tokens, std::int64_t new_tokens,
                         const CapturePlan& plan, const std::string& dtype,
                         const std::string& device);

/// The same with a rate that is known.
RunEstimate estimate_run(const ModelConfig& config, std::int64_t tokens, std::int64_t new_tokens,
                         const CapturePlan& plan, int bytes_per_number, const MachineRate& rate);

/// out_of_memory unless the plan fits into `free_bytes`; the message names its estimate and the
/// policy that would fit.
Result<> require_fit(const ModelConfig& config, std::int64_t tokens, std::int64_t new_tokens,
                     const CapturePlan& plan, int bytes_per_number, double free_bytes);

}  // namespace headscope
