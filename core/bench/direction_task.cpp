#include "core/bench/direction_task.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "core/base/process.h"
#include "core/bench/measure.h"
#include "core/model/model.h"
#include "core/training/directions.h"

namespace headscope::bench {
namespace {

using Clock = std::chrono::steady_clock;

Result<DirectionSample> collect(Model& model, const Json& sample, const RunContext& context) {
  DirectionSample collected;
  const TokenRange rows{sample.at("rows").at(0), sample.at("rows").at(1)};
  HEADSCOPE_ASSIGN(
      collected.capture,
      model.capture_queries_keys(sample.at("ids").get<std::vector<std::int32_t>>(), rows, context));
  for (std::int64_t t = sample.at("gold").at(0); t < sample.at("gold").at(1).get<std::int64_t>();
       ++t) {
    collected.gold.push_back(t);
  }
  return collected;
}

Json losses_by_layer(const DirectionTraining& training, int layers) {
  Json losses = Json::array();
  for (int layer = 0; layer < layers; ++layer) {
    losses.push_back(Json::array());
    for (const DirectionEpoch& epoch : training.epochs)
      losses.back().push_back(epoch.loss[static_cast<std::size_t>(layer)]);
  }
  return losses;
}

}  // namespace

Result<Json> run_directions_task(const Json& task, const RunContext& context) {
  HEADSCOPE_ASSIGN(
      const auto model,
      Model::load(task.at("model").get<std::string>(),
                  {.device = "cpu", .dtype = "float32", .threads = task.at("threads")}, context));
  // First use of every kernel costs more: not what is measured.
  ForwardRequest warm_up;
  warm_up.ids = task.at("samples").at(0).at("ids").get<std::vector<std::int32_t>>();
  warm_up.ids.resize(std::min<std::size_t>(warm_up.ids.size(), 64));
  warm_up.logit_rows = {0, 1};
  HEADSCOPE_TRY(model->forward(warm_up, context));

  const auto start = Clock::now();
  std::vector<DirectionSample> samples;
  for (const Json& sample : task.at("samples")) {
    HEADSCOPE_ASSIGN(auto collected, collect(*model, sample, context));
    samples.push_back(std::move(collected));
  }
  const double collect_seconds = seconds_since(start);
  const DirectionShape shape = direction_shape(model->config());
  const DirectionTrainingOptions options{.epochs = task.at("epochs"),
                                         .learning_rate = task.at("learning_rate"),
                                         .seed = task.at("seed")};
  const auto begin = Clock::now();
  HEADSCOPE_ASSIGN(const auto training, train_directions(samples, shape, options, context));
  const double train_seconds = seconds_since(begin);
  return Json{{"collect_seconds", collect_seconds},
              {"train_seconds", train_seconds},
              {"peak_bytes", process_memory().peak},
              {"losses", losses_by_layer(training, shape.layers)}};
}

}  // namespace headscope::bench
