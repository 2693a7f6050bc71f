#include "core/bench/limits_task.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <c10/core/InferenceMode.h>

#include "core/base/process.h"
#include "core/base/wide_loops.h"
#include "core/bench/measure.h"
#include "core/model/checkpoint.h"
#include "core/model/device.h"
#include "core/model/estimate.h"
#include "core/model/model.h"

namespace headscope::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kShortPrompt = 64;

double seconds_of(const std::function<void()>& work) {
  const auto start = Clock::now();
  work();
  return seconds_since(start);
}

/// The matrix products and the attention of a prefill over `rows` tokens, into memory that is there
/// already. As in the model, the last layer gives keys and values at every row, the rest at one.
class BareWork {
 public:
  BareWork(const DecoderWeights& weights, const ModelConfig& config, std::int64_t rows)
      : weights_(weights), config_(config), rows_(rows) {
    const auto options = weights.final_norm.weight.options();
    const auto heads = [&](int count) {
      return at::randn({1, count, rows, config.head_dim}, options);
    };
    q_ = heads(config.heads);
    k_ = heads(config.kv_heads);
    v_ = heads(config.kv_heads);
  }

  void products() {
    for (int i = 0; i < config_.layers; ++i) {
      const LayerWeights& layer = weights_.layers[static_cast<std::size_t>(i)];
      const std::int64_t rows = rows_of_layer(i);
      for (const Linear* map : {&layer.k, &layer.v}) multiply(*map, rows_);
      for (const Linear* map : {&layer.q, &layer.o, &layer.gate, &layer.up, &layer.down})
        multiply(*map, rows);
    }
    multiply(weights_.output(), 1);
  }

  void attention() const {
    for (int i = 0; i < config_.layers; ++i) {
      const std::int64_t rows = rows_of_layer(i);
      at::_scaled_dot_product_flash_attention_for_cpu(q_.narrow(2, 0, rows), k_, v_, 0.0,
                                                      /*is_causal=*/rows > 1, {},
                                                      attention_scale(config_));
    }
  }

  /// Multiplications and additions.
  double product_operations() const {
    double sum = 2.0 * double(weights_.output().weight.numel());
    for (int i = 0; i < config_.layers; ++i) {
      const LayerWeights& layer = weights_.layers[static_cast<std::size_t>(i)];
      for (const Linear* map : {&layer.k, &layer.v})
        sum += 2.0 * double(map->weight.numel() * rows_);
      for (const Linear* map : {&layer.q, &layer.o, &layer.gate, &layer.up, &layer.down})
        sum += 2.0 * double(map->weight.numel() * rows_of_layer(i));
    }
    return sum;
  }
  double attention_operations() const {
    return 4.0 * double(config_.layers - 1) * config_.heads * config_.head_dim * double(rows_) *
           double(rows_ + 1) / 2;
  }

 private:
  std::int64_t rows_of_layer(int layer) const { return layer == config_.layers - 1 ? 1 : rows_; }

  void multiply(const Linear& map, std::int64_t rows) {
    const std::int64_t outputs = map.weight.size(0), inputs = map.weight.size(1);
    const auto buffer = [&](const char* name, std::int64_t width) -> at::Tensor {
      at::Tensor& there = buffers_[{name, width}];
      if (!there.defined()) there = at::randn({rows_, width}, map.weight.options());
      return there.narrow(0, 0, rows);
    };
    auto out = buffer("out", outputs);
    at::mm_out(out, buffer("in", inputs), map.weight.t());
  }

  const DecoderWeights& weights_;
  const ModelConfig& config_;
  std::int64_t rows_;
  at::Tensor q_, k_, v_;
  std::map<std::pair<std::string, std::int64_t>, at::Tensor> buffers_;
};

/// The bytes of the matrices that one new token is multiplied with, in pieces.
std::vector<std::span<const std::byte>> pieces_of(const DecoderWeights& weights) {
  constexpr std::size_t most = std::size_t{1} << 20;
  std::vector<std::span<const std::byte>> pieces;
  const auto add = [&](const Linear& map) {
    if (!map.weight.defined()) return;
    std::span<const std::byte> all(static_cast<const std::byte*>(map.weight.const_data_ptr()),
                                   map.weight.nbytes());
    for (; !all.empty(); all = all.subspan(std::min(most, all.size())))
      pieces.push_back(all.first(std::min(most, all.size())));
  };
  for (const LayerWeights& layer : weights.layers) {
    for (const Linear* map :
         {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down})
      add(*map);
  }
  add(weights.output());
  return pieces;
}

HEADSCOPE_WIDE std::uint64_t sum_of_words(const std::byte* bytes, std::size_t size) {
  constexpr std::size_t lanes = 32;
  std::uint64_t sums[lanes] = {};
  for (std::size_t i = 0; i + sizeof sums <= size; i += sizeof sums) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      std::uint64_t word;
      std::memcpy(&word, bytes + i + lane * sizeof word, sizeof word);
      sums[lane] += word;
    }
  }
  std::uint64_t total = 0;
  for (const std::uint64_t sum : sums) total += sum;
  return total;
}

/// Seconds to read all pieces once with all threads: the least of several tries, since it stands
/// for what the machine can do.
double reading_seconds(const std::vector<std::span<const std::byte>>& pieces) {
  constexpr int tries = 5;
  double least = 0;
  for (int i = 0; i < tries; ++i) {
    std::vector<std::uint64_t> sums(pieces.size());
    const double seconds = seconds_of([&] {
      at::parallel_for(0, std::ssize(pieces), 1, [&](std::int64_t begin, std::int64_t end) {
        for (auto p = static_cast<std::size_t>(begin); p < static_cast<std::size_t>(end); ++p)
          sums[p] = sum_of_words(pieces[p].data(), pieces[p].size());
      });
    });
    least = i == 0 ? seconds : std::min(least, seconds);
  }
  return least;
}

WeightFormat format_of(const Json& task) {
  return {task.at("dtype") == "bfloat16" ? at::kBFloat16 : at::kFloat};
}

Result<std::unique_ptr<Model>> load(const Json& task, const char* folder,
                                    const RunContext& context) {
  return Model::load(task.at(folder).get<std::string>(),
                     {.device = "cpu", .dtype = task.at("dtype"), .threads = task.at("threads")},
                     context);
}

Result<double> prefill_seconds(Model& model, const std::vector<std::int32_t>& ids,
                               const RunContext& context) {
  ForwardRequest request;
  request.ids = ids;
  const auto tokens = std::ssize(ids);
  request.logit_rows = {tokens - 1, tokens};
  const auto start = Clock::now();
  HEADSCOPE_TRY(model.forward(request, context));
  return seconds_since(start);
}

/// Seconds a token after the first, whose logits come with the prompt.
Result<double> token_seconds(Model& model, const Json& task, const RunContext& context) {
  GenerateRequest request;
  request.prompt_ids = task.at("ids").get<std::vector<std::int32_t>>();
  request.prompt_ids.resize(std::min(request.prompt_ids.size(), kShortPrompt));
  request.max_new_tokens = task.at("new_tokens");
  HEADSCOPE_ASSIGN(const auto run, model.generate(request, context));
  if (run.ids.size() < 2) return bad_input("limits: the model stops at once; take another seed");
  return run.decode_seconds / double(run.ids.size() - 1);
}

Result<Json> speed(const Json& task, const RunContext& context) {
  HEADSCOPE_ASSIGN(const auto model, load(task, "model", context));
  const c10::InferenceMode no_gradients;
  const std::string folder = task.at("model");
  const ModelConfig& config = model->config();
  HEADSCOPE_ASSIGN(const auto source, open_weights(folder));
  HEADSCOPE_ASSIGN(const auto devices, select_devices("cpu", {}));
  HEADSCOPE_ASSIGN(const auto weights,
                   load_weights(*source, folder, config, place_on(devices.front(), config.layers),
                                format_of(task), context));
  const auto ids = task.at("ids").get<std::vector<std::int32_t>>();
  BareWork bare(weights, config, std::ssize(ids));
  const auto pieces = pieces_of(weights);
  double bytes = 0;
  for (const auto piece : pieces) bytes += double(piece.size());
  Json result = {{"tokens", ids.size()},
                 {"product_operations", bare.product_operations()},
                 {"attention_operations", bare.attention_operations()},
                 {"bytes", bytes}};
  HEADSCOPE_TRY(token_seconds(*model, task, context));  // first use of every kernel costs more
  bare.products();
  for (int i = 0; i < task.at("repetitions").get<int>(); ++i) {
    HEADSCOPE_ASSIGN(const double prefill, prefill_seconds(*model, ids, context));
    result["prefill"].push_back(prefill);
    result["products"].push_back(seconds_of([&] { bare.products(); }));
    result["attention"].push_back(seconds_of([&] { bare.attention(); }));
    HEADSCOPE_ASSIGN(const double token, token_seconds(*model, task, context));
    result["token"].push_back(token);
    result["reading"].push_back(reading_seconds(pieces));
    if (context.cancelled()) return fail(ErrorKind::cancelled, "cancelled");
  }
  return result;
}

Result<> run_once(Model& model, const Json& task, std::size_t most, const RunContext& context) {
  GenerateRequest request;
  request.prompt_ids = task.at("ids").get<std::vector<std::int32_t>>();
  request.prompt_ids.resize(std::min(request.prompt_ids.size(), most));
  for (std::int32_t& id : request.prompt_ids)
    id = static_cast<std::int32_t>(id % model.config().vocab_size);
  request.max_new_tokens = task.at("new_tokens");
  return model.generate(request, context).map([](const auto&) {});
}

Result<Json> memory(const Json& task, const RunContext& context) {
  {
    HEADSCOPE_ASSIGN(const auto small, load(task, "small_model", context));
    HEADSCOPE_TRY(run_once(*small, task, kShortPrompt, context));
  }
  const std::uint64_t before = process_memory().resident;
  HEADSCOPE_ASSIGN(const auto model, load(task, "model", context));
  const std::uint64_t loaded = process_memory().resident;
  const std::size_t tokens = task.at("ids").size();
  HEADSCOPE_TRY(run_once(*model, task, tokens, context));
  const auto format = format_of(task);
  const auto all = static_cast<std::int64_t>(tokens) + task.at("new_tokens").get<std::int64_t>();
  return Json{{"before_bytes", before},
              {"loaded_bytes", loaded},
              {"peak_bytes", process_memory().peak},
              {"weights_bytes", weights_bytes(model->config(), format)},
              {"cache_bytes", cache_bytes(model->config(), all,
                                          static_cast<int>(c10::elementSize(format.dtype)))}};
}

}  // namespace

Result<Json> run_limits_task(const Json& task, const RunContext& context) {
  const std::string wanted = task.at("measure");
  if (wanted == "speed") return speed(task, context);
  if (wanted == "memory") return memory(task, context);
  return bad_input("measuring task: 'measure' is none of speed, memory");
}

}  // namespace headscope::bench
