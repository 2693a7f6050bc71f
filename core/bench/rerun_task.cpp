#include "core/bench/rerun_task.h"

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/process.h"
#include "core/base/safetensors.h"
#include "core/bench/bench_model.h"
#include "core/bench/measure.h"
#include "core/model/model.h"

namespace headscope::bench {
namespace {

using Clock = std::chrono::steady_clock;

Result<std::shared_ptr<const Directions>> read_directions(const Json& task,
                                                          const ModelConfig& config) {
  HEADSCOPE_ASSIGN(const auto file,
                   SafetensorsFile::open(task.at("directions_file").get<std::string>()));
  auto directions = std::make_shared<Directions>();
  directions->layers = config.layers;
  directions->heads = config.heads;
  directions->head_dim = config.head_dim;
  HEADSCOPE_ASSIGN(directions->query, file.floats("query"));
  return directions;
}

GenerateRequest plain_request(const Json& task, PromptStore& store) {
  GenerateRequest request;
  request.prompt_ids = task.at("ids").get<std::vector<std::int32_t>>();
  request.max_new_tokens = task.at("new_tokens");
  request.capture.emplace();
  request.store = &store;
  return request;
}

Intervention intervention(const Json& task, const Json& cell,
                          const std::shared_ptr<const Directions>& directions) {
  std::vector<HeadId> heads;
  for (const Json& head : cell.at("heads")) heads.push_back({head.at(0), head.at(1)});
  return {Focus{cell.at("alpha"), directions},
          std::move(heads),
          {RowSelection::Kind::from, task.at("rows_from")}};
}

Result<> write_attention(const std::string& file, const CapturedAttention& attention) {
  return write_safetensors(
      file, {{"attention",
              DType::f32,
              {attention.layers, attention.heads, attention.rows.size(), attention.keys},
              std::as_bytes(std::span(attention.weights))}});
}

}  // namespace

Result<Json> run_rerun_task(const Json& task, const RunContext& context) {
  HEADSCOPE_ASSIGN(
      const auto model,
      Model::load(task.at("model").get<std::string>(),
                  {.device = "cpu", .dtype = "float32", .threads = task.at("threads")}, context));
  HEADSCOPE_ASSIGN(const auto directions, read_directions(task, model->config()));
  PromptStore store;
  GenerateRequest plain = plain_request(task, store);
  if (task.value("alone", false)) plain.store = nullptr;
  auto start = Clock::now();
  HEADSCOPE_TRY(model->generate(plain, context));
  Json result = {{"baseline_seconds", seconds_since(start)}};
  std::vector<GenerateRequest> requests;
  for (const Json& cell : task.at("cells")) {
    requests.push_back(plain);
    requests.back().interventions = {intervention(task, cell, directions)};
  }
  std::vector<Generation> runs;
  if (task.value("together", false)) {
    start = Clock::now();
    HEADSCOPE_ASSIGN(runs, model->generate_together(requests, context));
    result["seconds"].push_back(seconds_since(start));
  } else {
    for (const GenerateRequest& request : requests) {
      start = Clock::now();
      HEADSCOPE_ASSIGN(auto run, model->generate(request, context));
      result["seconds"].push_back(seconds_since(start));
      if (!runs.empty()) runs.back().attention = {};  // only the last is looked at
      runs.push_back(std::move(run));
    }
  }
  for (const Generation& run : runs) {
    result["tokens"].push_back(run.ids);
    result["layer_rows"].push_back(run.prompt_work.layer_rows);
  }
  result["all_layer_rows"] = runs.back().prompt_work.all;
  result["peak_bytes"] = process_memory().peak;
  HEADSCOPE_TRY(
      write_attention(task.at("attention_file").get<std::string>(), runs.back().attention));
  return result;
}

Json rerun_cell(const ModelConfig& config, double alpha, int first_layer, std::size_t count) {
  Json heads = Json::array();
  for (int head = 0; head < config.heads; ++head) {
    for (int layer = first_layer; layer < config.layers; ++layer) {
      if (heads.size() < count) heads.push_back({layer, head});
    }
  }
  return {{"alpha", alpha}, {"heads", heads}};
}

std::vector<Json> rerun_grid(const ModelConfig& config, int first_layer) {
  std::vector<Json> cells;
  for (const double alpha : {0.1, 0.2, 0.3}) {
    for (const std::size_t k : {5, 10, 20})
      cells.push_back(rerun_cell(config, alpha, first_layer, k));
  }
  return cells;
}

Result<> write_random_directions(const ModelConfig& config, std::uint64_t seed,
                                 const std::string& file) {
  const Directions directions = random_directions(config, seed);
  return write_safetensors(file, {{"query",
                                   DType::f32,
                                   {config.layers, config.heads, config.head_dim},
                                   std::as_bytes(std::span(directions.query))}});
}

}  // namespace headscope::bench
