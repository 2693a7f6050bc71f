// A decoder-only language model on one device: load, tokenise, run, observe attention.
// Not thread-safe: the compute thread owns it. The only public header of core/model that other
// modules need; it names tensors by forward declaration so that including it is cheap.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/parity_report.h"
#include "core/base/run_context.h"
#include "core/base/types.h"
#include "core/config/config.h"
#include "core/intervention/spec.h"
#include "core/model/prompt_store.h"

namespace headscope {

/// Where and how a model is loaded (`--device`, `--dtype`, `--threads`, ...).
struct LoadOptions {
  std::string device = "auto";  ///< "cpu", "cuda" or "auto"
  /// "auto" (core/model/dtype_choice.h), "float32", "bfloat16", "float16", or "int8": matrices as
  /// int8 with a scale for each output row, activations as "auto" but wide where that is measured
  std::string dtype = "auto";
  int threads = 0;  ///< 0 = all cores, fewer for a small model
  /// GiB to take of each device; layers are split over the devices where one is too small. On the
  /// CPU every number is a device that stands in for a card. Empty = what is free.
  std::vector<double> device_gibibytes = {};
  std::string adapter = {};  ///< PEFT folder whose LoRA adapter is merged; empty = none
};

/// How attention outputs are computed; all agree with `reference` within rounding.
enum class AttentionBackend {
  reference,  ///< fp32, full T x T weights
  fused,      ///< scaled_dot_product_attention; grouped keys never repeated
};

/// What a run shall keep of attention. Everything else is dropped as the run goes.
struct Capture {
  TokenRange rows;    ///< absolute query positions whose weights are kept; empty = none
  TokenRange layers;  ///< layers kept; empty = all
  /// Key sets whose attention mass is kept per head and captured row; empty = none.
  std::vector<TokenSet> span_sets;
  bool weights = true;       ///< keep the weights themselves [L,H,R,T]
  bool edited_also = false;  ///< where mass is moved: span sums before that too
};

/// Attention of captured rows as plain fp32 arrays. `keys` = number of key positions T; entries
/// past the causal limit of a row are 0.
struct CapturedAttention {
  int layers = 0, heads = 0;  ///< shape of the capture (layers of Capture::layers)
  TokenRange rows;
  std::int64_t keys = 0;
  std::vector<float> weights;           ///< [layers, heads, rows, keys], after every intervention
  std::vector<float> span_sums;         ///< [layers, heads, rows, sets], after every intervention
  std::vector<float> span_sums_before;  ///< same, before mass is moved (Capture::edited_also)
};

/// Sampling of the next token. temperature 0 = greedy (ties: lowest id).
struct Sampling {
  double temperature = 0.0;
  int top_k = 0;       ///< 0 = off
  double top_p = 1.0;  ///< 1 = off
  std::uint64_t seed = 0;
};

/// Attention of the newest row while a response is generated.
struct AttentionRow {
  std::vector<float> masses;   ///< [layers, heads, sets]
  std::vector<float> weights;  ///< of GenerateRequest::row_head, [keys up to the row]; may be empty
};

/// One generation over prompt ids, optionally with interventions and a capture.
struct GenerateRequest {
  std::vector<std::int32_t> prompt_ids;  ///< with special tokens, as the model shall see them
  int max_new_tokens = 100;              ///< room is made for so many, with a forced response too
  Sampling sampling;
  std::vector<Intervention> interventions;
  AttentionBackend backend = AttentionBackend::fused;
  bool use_cache = true;
  /// Attention kept at response rows P..P+n-1 (rows at which response tokens are the input) plus
  /// row P-1, so that both row conventions can be read; Capture::rows is ignored here.
  std::optional<Capture> capture;
  /// Tokens to feed instead of sampling (teacher forcing); generation ends after the last one.
  std::vector<std::int32_t> forced_response;
  /// Called with each new token (not with end-of-sequence) as soon as it is chosen; may be empty.
  std::function<void(std::int32_t id)> on_token;
  /// With span sets to capture: called as soon as a row's attention is there, row P-1 first; not
  /// with a forced response. May be empty.
  std::function<void(const AttentionRow& row)> on_row;
  /// The head whose weights `on_row` gets where weights are captured; none = no weights.
  std::optional<HeadId> row_head;
  int candidates = 0;  ///< keep this many most likely next tokens per step with probabilities
  /// What earlier runs over this prompt left, for this one to use and to add to; null = none. Not
  /// used where `use_cache` is false.
  PromptStore* store = nullptr;
};

/// One candidate for a next token.
struct Candidate {
  std::int32_t id = 0;
  float probability = 0;
};

/// What a generation returned. `ids` is the new part only, end-of-sequence left out.
struct Generation {
  std::vector<std::int32_t> ids;
  bool stopped_at_eos = false;                     ///< else the length limit ended it
  CapturedAttention attention;                     ///< rows P-1..P+n-1, if a capture was asked for
  std::vector<std::vector<Candidate>> candidates;  ///< per generated token
  std::vector<float> log_probabilities;            ///< of each generated token
  double prefill_seconds = 0, decode_seconds = 0;
  PromptWork prompt_work;
};

/// Full forward over given ids: logits and attention of some rows.
struct ForwardRequest {
  std::vector<std::int32_t> ids;
  TokenRange logit_rows;  ///< rows whose logits are returned; empty = none
  /// How many of `ids` are the prompt (where `rows: response` begins); 0 = all of them.
  std::int64_t prompt_tokens = 0;
  std::vector<Intervention> interventions;
  AttentionBackend backend = AttentionBackend::fused;
  std::optional<Capture> capture;
};
/// What a forward pass leaves.
struct ForwardResult {
  std::vector<float> logits;  ///< [rows, vocab]
  CapturedAttention attention;
};

class HeadMapSource;
struct ResidualRows;

/// One head's full attention map.
struct HeadMap {
  HeadId head;
  std::int64_t tokens = 0;
  std::vector<float> weights;  ///< [tokens, tokens], causal
};

/// Inputs of direction training (method.md 3) for one sample and layer: keys of every position and
/// queries at some rows, after RoPE. fp32.
struct QueryKeyCapture {
  std::int64_t keys = 0;
  TokenRange rows;
  std::vector<std::vector<float>> queries;     ///< per layer [heads, rows, head_dim]
  std::vector<std::vector<float>> key_values;  ///< per layer [kv_heads, keys, head_dim]
};
/// A loaded checkpoint: generation, captured attention, maps.
class Model {
 public:
  /// Loads a Hugging Face folder (config.json, *.safetensors or its index) or a GGUF file. Every
  /// tensor is checked by name and shape; unknown model types, rope types and quantisation are
  /// refused.
  static Result<std::unique_ptr<Model>> load(const std::string& folder, const LoadOptions& options,
                                             const RunContext& context);
  ~Model();
  /// What was loaded, and where it lies.
  const ModelConfig& config() const;
  std::string device_name() const;  ///< "cpu", "cuda:0 (name)", or which layers are on which
  std::string dtype_name() const;   ///< "float32", "bfloat16", "float16" or "int8"
  std::int64_t parameters() const;  ///< numbers of all tensors

  /// Whether cached and fused computation give what plain computation gives, on a short probe that
  /// should take no more than about `seconds` (a large model is checked on less, or not at all: the
  /// report says so). Errors: cancelled, OOM.
  Result<ParityReport> self_check(double seconds, const RunContext& context);
  /// Greedy or sampled decoding. Errors: empty or too long prompt, id out of range, cancelled, OOM.
  Result<Generation> generate(const GenerateRequest& request, const RunContext& context);
  /// Several runs over one prompt that are to differ in their interventions alone; they decode side
  /// by side, up to 16 at once, so that the weights are read once for all. Numbers are those of
  /// `generate` up to rounding, and do not depend on which runs go together where the matrix
  /// products of the machine do not (packaging/performance.md). Every run's decode_seconds is its
  /// share. Errors: those of generate; a forced response, no cache, or another prompt or length
  /// among them.
  Result<std::vector<Generation>> generate_together(std::span<const GenerateRequest> requests,
                                                    const RunContext& context);
  /// One pass without sampling.
  Result<ForwardResult> forward(const ForwardRequest& request, const RunContext& context);
  /// All rows of one head as tiles on demand (core/model/head_map.h), over the prompt and the
  /// forced response of `run` with its interventions. Runs the layers below the head's once, those
  /// that `run.store` does not make needless. `overview`: most cells a side of the level that is
  /// kept; 0 = the usual; HeadMapSource::rows_only = no tiles, and no pass over all pairs of
  /// tokens.
  Result<std::shared_ptr<const HeadMapSource>> head_map_source(const GenerateRequest& run,
                                                               HeadId head,
                                                               const RunContext& context,
                                                               std::int64_t overview = 0);
  /// The same over `ids`; `prompt_tokens` as in ForwardRequest.
  Result<std::shared_ptr<const HeadMapSource>> head_map_source(
      const std::vector<std::int32_t>& ids, HeadId head,
      const std::vector<Intervention>& interventions, const RunContext& context,
      std::int64_t prompt_tokens = 0, std::int64_t overview = 0);
  /// The whole map at once, for short prompts: 4 bytes for each pair of tokens.
  Result<HeadMap> head_map(const std::vector<std::int32_t>& ids, HeadId head,
                           const std::vector<Intervention>& interventions,
                           const RunContext& context, std::int64_t prompt_tokens = 0);
  /// Keys and response-row queries of the unedited model, for training directions.
  Result<QueryKeyCapture> capture_queries_keys(const std::vector<std::int32_t>& ids,
                                               TokenRange rows, const RunContext& context);
  /// scale * d_q . k_j for every layer, head and key position [L, H, T] of the unedited model over
  /// the prompt and `run.forced_response`: the bias that alpha multiplies (method.md 3); what the
  /// preview needs for live alpha. Keys that `run.store` holds are not computed again.
  Result<std::vector<float>> focus_bias(const GenerateRequest& run, const Directions& directions,
                                        const RunContext& context);

  /// The residual stream after every layer at the rows where the tokens `which` of
  /// `request.forced_response` are chosen (core/model/logit_lens.h). Errors: no such tokens, and
  /// those of generate.
  Result<ResidualRows> residual_rows(const GenerateRequest& request, TokenRange which,
                                     const RunContext& context);
  /// Logits [rows, vocab] of residual streams [rows, hidden]: final norm, output matrix, soft-cap.
  Result<std::vector<float>> read_out(const std::vector<float>& residuals,
                                      const RunContext& context);

 private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace headscope
