#include "core/bench/tasks.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/file.h"
#include "core/base/process.h"
#include "core/base/rng.h"
#include "core/base/safetensors.h"
#include "core/bench/bench_model.h"
#include "core/bench/direction_task.h"
#include "core/bench/limits_task.h"
#include "core/bench/measure.h"
#include "core/bench/rerun_task.h"
#include "core/bench/slider_task.h"
#include "core/model/estimate.h"
#include "core/model/head_map.h"
#include "core/model/model.h"
#include "core/text/tokenizer.h"

namespace headscope::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kWarmUpTokens = 64;

// Longest time between two polls of a run: no cancellation can take longer to be seen.
struct PollGap {
  Clock::time_point last = Clock::now();
  double longest = 0;

  void poll() {
    const auto now = Clock::now();
    longest = std::max(longest, std::chrono::duration<double>(now - last).count());
    last = now;
  }
};

TokenSet token_set(const Json& range) {
  TokenSet set;
  for (std::int64_t t = range.at(0); t < range.at(1).get<std::int64_t>(); ++t) set.push_back(t);
  return set;
}

ForwardRequest plain_request(const Json& task) {
  ForwardRequest request;
  request.ids = task.at("ids").get<std::vector<std::int32_t>>();
  request.prompt_tokens = task.at("prompt_tokens");
  const auto tokens = static_cast<std::int64_t>(request.ids.size());
  request.logit_rows = {tokens - 1, tokens};
  return request;
}

ForwardRequest scores_request(const Json& task) {
  ForwardRequest request = plain_request(task);
  Capture capture;
  capture.rows = {task.at("rows").at(0), task.at("rows").at(1)};
  capture.weights = false;
  for (const Json& range : task.at("sets")) capture.span_sets.push_back(token_set(range));
  request.capture = std::move(capture);
  return request;
}

Result<std::unique_ptr<Model>> load_model(const Json& task, const RunContext& context) {
  HEADSCOPE_ASSIGN(
      auto model,
      Model::load(task.at("model").get<std::string>(),
                  {.device = "cpu", .dtype = "float32", .threads = task.at("threads")}, context));
  // First use of every kernel costs more: not what is measured.
  ForwardRequest warm_up = plain_request(task);
  warm_up.ids.resize(std::min<std::size_t>(warm_up.ids.size(), kWarmUpTokens));
  warm_up.prompt_tokens = 0;
  warm_up.logit_rows = {0, 1};
  HEADSCOPE_TRY(model->forward(warm_up, context));
  return model;
}

Result<> write_scores(const Json& task, const CapturedAttention& attention) {
  const auto sets = static_cast<std::int64_t>(task.at("sets").size());
  return write_safetensors(task.at("scores_file").get<std::string>(),
                           {{"scores",
                             DType::f32,
                             {attention.layers, attention.heads, attention.rows.size(), sets},
                             std::as_bytes(std::span(attention.span_sums))}});
}

Result<Json> run_scores(const Json& task, const RunContext& context) {
  HEADSCOPE_ASSIGN(const auto model, load_model(task, context));
  const ForwardRequest request = scores_request(task);
  PollGap gap;
  RunContext watched = context;
  watched.is_cancelled = [&gap, &context] {
    gap.poll();
    return context.cancelled();
  };
  const std::uint64_t loaded = process_memory().resident;
  const auto start = Clock::now();
  gap.last = start;
  ForwardResult result;
  for (int i = task.value("samples", 1); i > 0; --i) {
    HEADSCOPE_ASSIGN(result, model->forward(request, watched));
  }
  gap.poll();
  const double seconds = seconds_since(start);
  const std::uint64_t peak = process_memory().peak;
  HEADSCOPE_TRY(write_scores(task, result.attention));
  return Json{{"seconds", seconds},
              {"loaded_bytes", loaded},
              {"peak_bytes", peak},
              {"longest_poll_gap", gap.longest}};
}

// The whole map of the last layer's first head, as the window keeps it.
Result<> make_map(Model& model, const ForwardRequest& request, const RunContext& context) {
  const HeadId head{model.config().layers - 1, 0};
  return model.head_map_source(request.ids, head, {}, context, request.prompt_tokens)
      .map([](const auto&) {});
}

Result<Json> run_pass(const Json& task, const RunContext& context) {
  HEADSCOPE_ASSIGN(const auto model, load_model(task, context));
  const std::string policy = task.at("capture");
  ForwardRequest request =
      policy == "nothing" || policy == "map" ? plain_request(task) : scores_request(task);
  if (policy == "rows") {
    request.capture->span_sets.clear();
    request.capture->weights = true;
  }
  const std::uint64_t loaded = process_memory().resident;
  const auto start = Clock::now();
  for (int i = task.value("samples", 1); i > 0; --i) {
    if (policy == "map") {
      HEADSCOPE_TRY(make_map(*model, request, context));
    } else {
      HEADSCOPE_TRY(model->forward(request, context));
    }
  }
  return Json{{"seconds", seconds_since(start)},
              {"loaded_bytes", loaded},
              {"peak_bytes", process_memory().peak}};
}

// Seconds from asking to the return, or nothing when the run was done before.
Result<std::optional<double>> cancel_once(Model& model, const ForwardRequest& request, double after,
                                          const RunContext& context) {
  std::atomic<bool> asked{false};
  std::atomic<bool> returned{false};
  RunContext stoppable;
  stoppable.is_cancelled = [&asked, &context] { return asked.load() || context.cancelled(); };
  Result<> outcome;
  Clock::time_point end;
  std::thread worker([&] {
    const auto result = model.forward(request, stoppable);
    end = Clock::now();
    if (!result) outcome = tl::unexpected(result.error());
    returned = true;
  });
  const auto start = Clock::now();
  while (seconds_since(start) < after && !returned && !context.cancelled()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const auto request_time = Clock::now();
  asked = true;
  worker.join();
  if (outcome) return std::nullopt;
  if (outcome.error().kind != ErrorKind::cancelled || context.cancelled()) {
    return tl::unexpected(outcome.error());
  }
  return std::chrono::duration<double>(end - request_time).count();
}

Result<Json> run_cancel(const Json& task, const RunContext& context) {
  HEADSCOPE_ASSIGN(const auto model, load_model(task, context));
  const ForwardRequest request = scores_request(task);
  Json latencies = Json::array();
  int finished = 0;
  for (const double after : task.at("cancel_after")) {
    HEADSCOPE_ASSIGN(const auto latency, cancel_once(*model, request, after, context));
    if (latency) {
      latencies.push_back(*latency);
    } else {
      ++finished;
    }
  }
  return Json{{"latencies", latencies}, {"finished", finished}};
}

Result<Json> run_estimate(const Json& task, const RunContext& context) {
  HEADSCOPE_ASSIGN(const auto model, load_model(task, context));
  const ForwardRequest request = scores_request(task);
  const CapturePlan plan{.policy = CapturePolicy::span_sums,
                         .rows = request.capture->rows.size(),
                         .sets = std::ssize(request.capture->span_sets)};
  const RunEstimate run = estimate_run(model->config(), std::ssize(request.ids), 0, plan,
                                       model->dtype_name(), model->device_name());
  return Json{{"seconds", run.seconds()}, {"bytes", run.bytes()}};
}

std::vector<HeadId> edited_heads(const Json& task) {
  std::vector<HeadId> heads;
  for (const Json& head : task.at("edited_heads")) heads.push_back({head.at(0), head.at(1)});
  return heads;
}

Result<Json> run_interventions(const Json& task, const RunContext& context) {
  HEADSCOPE_ASSIGN(const auto model, load_model(task, context));
  const auto heads = edited_heads(task);
  struct Variant {
    const char* name;
    ForwardRequest request;
    std::vector<double> seconds;
  };
  std::vector<Variant> variants;
  for (const char* name : {"plain", "split", "focus"}) {
    variants.push_back({name, plain_request(task), {}});
  }
  variants[1].request.interventions = {
      {SplitSoftmax{0.1, token_set(task.at("sets").at(0))}, heads, {}}};
  variants[2].request.interventions = {
      {Focus{0.3, std::make_shared<Directions>(random_directions(model->config(), 1))}, heads, {}}};
  for (int i = 0; i < task.at("repetitions").get<int>(); ++i) {
    for (Variant& variant : variants) {
      const auto start = Clock::now();
      HEADSCOPE_TRY(model->forward(variant.request, context));
      variant.seconds.push_back(seconds_since(start));
    }
  }
  Json result;
  for (const Variant& variant : variants) result[variant.name] = variant.seconds;
  return result;
}

Result<Json> run_tokenizer(const Json& task, const RunContext& context) {
  HEADSCOPE_ASSIGN(const auto tokenizer, Tokenizer::load(task.at("model").get<std::string>()));
  HEADSCOPE_ASSIGN(const Json file, read_json_file(task.at("texts_file").get<std::string>()));
  const auto texts = file.get<std::vector<std::string>>();
  std::vector<double> seconds;
  std::size_t bytes = 0, tokens = 0;
  for (int i = 0; i < task.at("repetitions").get<int>(); ++i) {
    bytes = tokens = 0;
    const auto start = Clock::now();
    for (const std::string& text : texts) {
      if (context.cancelled()) return fail(ErrorKind::cancelled, "cancelled");
      HEADSCOPE_ASSIGN(const auto encoding, tokenizer.encode(text));
      bytes += text.size();
      tokens += encoding.size();
    }
    seconds.push_back(seconds_since(start));
  }
  return Json{{"seconds", seconds}, {"bytes", bytes}, {"tokens", tokens}};
}

}  // namespace

Result<Json> run_task(const Json& task, const RunContext& context) {
  using Task = Result<Json> (*)(const Json&, const RunContext&);
  const std::pair<const char*, Task> known[] = {
      {"scores", run_scores},       {"cancel", run_cancel},
      {"estimate", run_estimate},   {"interventions", run_interventions},
      {"tokenizer", run_tokenizer}, {"directions", run_directions_task},
      {"rerun", run_rerun_task},    {"pass", run_pass},
      {"sliders", run_slider_task}, {"limits", run_limits_task}};
  try {
    for (const auto& [name, run] : known) {
      if (task.at("task") == name) return run(task, context);
    }
  } catch (const Json::exception& problem) {
    return bad_input(std::string("measuring task: ") + problem.what());
  }
  return bad_input(
      "measuring task: 'task' is none of scores, cancel, estimate, interventions, tokenizer, "
      "directions, rerun, pass, sliders, limits");
}

}  // namespace headscope::bench
